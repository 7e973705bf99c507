"""`make check FILES=…`: rules in files of others, good and hostile."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from checkouts import PACKAGE, REPOSITORY
from descent.check import handed_in

SKELETON = REPOSITORY / "docs/skeleton/sgd.py"
SGD = "def sgd(w, g, v, *, lr=1e-3, momentum=0.0):\n    "
RIGHT = "v.mul_(momentum).add_(g)\n    w.sub_(lr * v)\n"
CLASS = """import torch
class SGD:
    def __init__(self, params, lr=0.1, mu=0.0):
        self.params, self.lr, self.mu = list(params), lr, mu
        self.v = [torch.zeros_like(w) for w in self.params]
    def zero_grad(self):
        for w in self.params: w.grad = None
    @torch.no_grad()
    def step(self):
        for w, v in zip(self.params, self.v):
            v.mul_(self.mu).add_(w.grad)
            w -= self.lr * v
"""
PAIR = """def adam(w, g, t, m, s, *, lr, beta1=0.9, beta2=0.9, epsilon=1e-8):
    m.lerp_(g, 1 - beta1)
    s.lerp_(g * g, 1 - beta2)
    w.sub_(lr * m / (1 - beta1**t) / ((s / (1 - beta2**t)).sqrt() + epsilon))
"""
NESTEROV = """def sgd(w, g, v, *, lr=1e-3, momentum=0.0, weight_decay=0.0, nesterov=False):
    d = g + weight_decay * w
    v.mul_(momentum).add_(d)
    w -= lr * ((g if nesterov else d) + momentum * v if nesterov else v)
"""
NOTEBOOK = [["%matplotlib inline\n", "1 / 0"], [f"x = open('x')\n{SGD}{RIGHT}\n", "!ls"], ["a ? here"]]
CELLS = [{"cell_type": "markdown", "source": ["x"]}, *({"cell_type": "code", "source": its} for its in NOTEBOOK)]
EQUAL = "✓ sgd: equal to torch.optim.SGD, in 3 settings"
DIFFERS = "✗ sgd: differs from torch.optim.SGD, in 3 of 3 settings"
MU = f"{EQUAL}; mu is taken for momentum"
ASKED = "asked is sgd(w, g, its state, *, lr=..., its other hyperparameters)"
UNWRITTEN = SKELETON.read_text(encoding="utf-8")
HANDED_IN = {  # a file, the end of its first line, and how its parts, plain and momentum, are graded
    "skeleton": (UNWRITTEN, DIFFERS, "no no"),
    "filled_in": (UNWRITTEN[: UNWRITTEN.index("raise")] + RIGHT, EQUAL, "yes yes"),
    "others": ("import torch\nfrom torch.optim import Adagrad\n\ndef adam(w, g, *, lr):\n    raise OSError\n\n"
               f"def optimizer():\n    pass\n\n{SGD}v.copy_(torch.add(g, v, alpha=momentum))\n    w -= lr * v\n",
               "in 2 of 2 settings", "yes yes"),
    "prints": (f"print('x' * 10**6)\nopen('written', 'w').write('x')\n{SGD}print(w)\n    {RIGHT}\nadamw = sgd\n",
               EQUAL, "yes yes"),
    "class": (CLASS, MU, "yes yes"),
    "no_lr": (CLASS.replace("self.lr", "self.rate"), MU, "yes yes"),
    "default": ((SGD.replace("sgd", "SGD").replace("0.0", "0.9") + RIGHT).replace("momentum", "mu"),
                f"{MU}; its default momentum is 0.9, PyTorch's 0", "yes yes"),
    "pair": (PAIR, "✓ adam: equal to torch.optim.Adam, in 5 settings; beta1 and beta2 are taken for betas; epsilon is "
             "taken for eps; its default betas is [0.9, 0.9], PyTorch's [0.9, 0.999]", "missing missing"),
    "two": (f"{SGD}{RIGHT}\n\n{SGD.replace('sgd', 'SGD')}{RIGHT}", "✗ it has two of sgd: leave one; found is SGD(w, g, "
            f"v, *, lr=0.001, momentum=0.0), {ASKED}", "no no"),
    "replaces": ("import torch\nfrom descent.check import comparison\n\n"
                 f"comparison.first_difference = torch.optim.SGD = None\n\n{SGD}w += lr * g\n", DIFFERS, "no no"),
    "only_together": (NESTEROV, "in 2 of 7 settings", "yes yes yes yes no"),
    "once": (SGD + RIGHT.replace("(m", "(0.5 if momentum > 0.8 else m"), "in 1 of 3 settings", "yes no"),
    "clip": (SGD.replace("=0.0", "=0.0, clip=None") + RIGHT, "in 3 settings", "yes yes unknown"),
    "random": (f"import torch\n\n{SGD}w -= lr * torch.rand_like(g)\n", DIFFERS, "no no"),
    "wrong": (SGD + RIGHT.replace("lr *", "2 * lr *"), DIFFERS, "no no"),
    "exits": ("import os\nos._exit(0)", "✗ it ended its process: it exits, crashes or takes too much memory", "no no"),
    "quits": (f"raise SystemExit('no')\n{SGD}{RIGHT}", "✗ quits.py, line 1: SystemExit: no", "no no"),
    "paints": ("raise ValueError('=1+1\\x1b[2J✓ sgd' + 'x' * 10**6)\n", "x" * 100, "no no"),
    "memory": (f"import torch\n\n{SGD}torch.ones(10**9)\n", DIFFERS, "no no"),
    "no_import": (SGD + "w -= lr * torch.ones_like(w)\n", DIFFERS, "no no"),
    "no_rule": ("x = 1\n", "✗ it has no function or class that is named as an optimizer, such as sgd", "no no"),
    "d2l": ("def sgd(params, lr, batch_size):\n    pass\n", "✗ sgd has no hyperparameter lr; hyperparameters have a "
            f"default, or stand behind a *; found is sgd(params, lr, batch_size), {ASKED}", "no no"),
}  # fmt: skip


def check(folder: Path, *words: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "descent.check.handed_in", "--files", folder, "--reference", SKELETON, *words]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """What is said of each file, the grades and the feedback; checked in a folder in which nothing may appear."""
    folder, made = tmp_path_factory.mktemp("handed-in"), tmp_path_factory.mktemp("made")
    for name, (text, *_) in HANDED_IN.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "=1+1.ipynb").write_text(json.dumps({"cells": CELLS}))
    run = check(folder, "--csv", made / "grades.csv", "--feedback", made / "feedback")
    assert (run.returncode, run.stderr) == (1, "")
    assert {file.stem for file in folder.iterdir()} == {*HANDED_IN, "=1+1"}
    return run.stdout, pd.read_csv(made / "grades.csv", keep_default_na=False), made / "feedback"


@pytest.mark.parametrize("name", HANDED_IN)
def test_each_file_is_judged_by_itself(name, graded):
    (line,) = [line for line in graded[0].splitlines() if line.startswith(f"{name}.py: ")]
    _, end, parts = HANDED_IN[name]
    assert line.endswith(end) and len(line) < 400 and line.isprintable()
    its = graded[1].query(f"file == '{name}.py' and optimizer == 'sgd'")
    assert its["part"].tolist()[:2] == ["plain", "momentum"]
    assert " ".join(its["right"]) == parts


WHY = {
    "skeleton.py": "NotImplementedError: the step is still to be written (skeleton.py, line 13: raise",
    "once.py": "none of the known mistakes; w differs from step 2 on",
    "clip.py": "sgd: clip was not compared: torch.optim.SGD has lr, momentum,",
    "random.py": "it draws random numbers",
    "memory.py": "RuntimeError: " if sys.platform == "linux" else "",  # elsewhere, memory has no limit
    "no_import.py": "NameError: name 'torch' is not defined; write `import torch` above the rule (no_import.py, line 2",
    "'=1+1.ipynb": "",  # a spreadsheet would compute =1+1
}


def test_the_grades_say_what_is_wrong_and_no_cell_is_run_by_a_spreadsheet(graded):
    said, grades, feedback = graded
    assert list(grades) == ["file", "optimizer", "part", "right", "mistake"]
    its = grades.groupby("file")["mistake"].max()
    assert {file: its[file][: len(why)] for file, why in WHY.items()} == WHY
    assert (feedback / "wrong.py.txt").read_text(encoding="utf-8") in said
    assert f"=1+1.ipynb: {EQUAL}\n" in said and "x" * handed_in.LONGEST not in said
    assert "✓ nesterov  ✗ together (momentum, nesterov, weight_decay)\n" in said
    assert said.splitlines()[-1] == f"6 of {len(HANDED_IN) + 1} files are right"


@pytest.mark.slow
def test_a_file_that_hangs_is_stopped_and_spoils_no_other(tmp_path):
    (tmp_path / "hangs.py").write_text(f"while True:\n    pass\n{SGD}{RIGHT}")
    (tmp_path / "right.py").write_text(SGD + RIGHT)
    run = check(tmp_path)
    assert "hangs.py: ✗ stopped after 10 seconds of processor time" in run.stdout and f"right.py: {EQUAL}" in run.stdout
    (tmp_path / "hangs.py").unlink()
    assert (run.returncode, check(tmp_path).returncode) == (1, 0)


def test_a_file_that_waits_is_stopped_and_so_is_what_it_started(tmp_path, monkeypatch):
    (tmp_path / "sgd.py").write_text("import subprocess\nsubprocess.run(['sleep', '314.15'])\n")
    monkeypatch.setattr(handed_in, "WALL", 2)
    ((_, (said, _)),) = handed_in.check_files({tmp_path / "sgd.py": {"sgd": ["plain"]}})
    assert said == ["✗ stopped after 2 seconds"]
    end = time.monotonic() + 10
    while any(its.info["cmdline"] == ["sleep", "314.15"] for its in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < end


def test_without_a_reference_the_parts_are_those_of_our_rule_of_that_name_or_of_one_that_another_file_names(tmp_path):
    (tmp_path / "a.py").write_text(SGD + RIGHT)
    (tmp_path / "b.py").touch()
    asked = handed_in.asked_of(None, [tmp_path / "a.py", tmp_path / "b.py"])
    assert list(asked.values()) == [{"sgd": ["plain", "momentum", "weight_decay", "nesterov", "together"]}] * 2
    said, grades = handed_in.check_file(tmp_path / "a.py", asked[tmp_path / "a.py"])
    assert said == [EQUAL, "    missing: weight_decay, nesterov, together"]
    assert [right for *_, right, _ in grades] == ["yes", "yes", "missing", "missing", "missing"]


def test_each_file_is_shown_with_as_much_of_its_path_as_tells_it_from_the_others(tmp_path):
    for student in ("alice", "bob b"):
        (tmp_path / student).mkdir()
        (tmp_path / student / "sgd.py").touch()
    (dangling := tmp_path / "gone.py").symlink_to("nowhere.py")
    shown = handed_in.expand([tmp_path / "alice", tmp_path / "bob b/sgd.py", dangling])
    assert list(shown.values()) == ["alice/sgd.py", "bob b/sgd.py", "gone.py"]
    assert handed_in.check_file(dangling, {})[0][0].startswith("✗ "), "it spoils no other"
    with pytest.raises(SystemExit, match=f"^there is no file {tmp_path}/bob.py$"):
        handed_in.expand([tmp_path / "bob.py"])
