"""`make check FILES=…`: rules in files of others, good and hostile."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from checkouts import PACKAGE, REPOSITORY
from descent.check import handed_in

SKELETON = REPOSITORY / "docs/skeleton/sgd.py"
SGD = "def sgd(w, g, v, *, lr=1e-3, momentum=0.0):\n    "
RIGHT = "v.mul_(momentum).add_(g)\n    w.sub_(lr * v)\n"
CLASS = """import torch


class SGD:
    def __init__(self, params, lr=0.1, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(w) for w in self.params]

    def zero_grad(self):
        for w in self.params:
            w.grad = None

    @torch.no_grad()
    def step(self):
        for w, v in zip(self.params, self.v):
            v.mul_(self.momentum).add_(w.grad)
            w -= self.lr * v
"""
NOTEBOOK = [["%matplotlib inline\n", "import torch\n", "1 / 0"], [f"{SGD}{RIGHT}\n", "!ls"], ["a magic ? here"]]
CELLS = [{"cell_type": "markdown", "source": ["x"]}, *({"cell_type": "code", "source": its} for its in NOTEBOOK)]
ENDED = "✗ it ended its process: it exits, crashes or takes too much memory"
EQUAL = "✓ sgd: equal to torch.optim.SGD, in 3 settings"
HANDED_IN = {  # a file, the end of its first line, and how its parts, plain and momentum, are graded
    "right": (SGD + RIGHT, EQUAL, "yes yes"),
    "torch": (f"import torch\n\n\n{SGD}v.copy_(torch.add(g, v, alpha=momentum))\n    w -= lr * v\n", EQUAL, "yes yes"),
    "prints": (f"print('x' * 10**6)\n{SGD}print(w)\n    {RIGHT}", EQUAL, "yes yes"),
    "writes": (f"open('written', 'w').write('x')\n{SGD}{RIGHT}", EQUAL, "yes yes"),
    "class": (CLASS, EQUAL, "yes yes"),
    "capital": (SGD.replace("sgd", "SGD") + RIGHT, EQUAL, "yes yes"),
    "mu": ((SGD + RIGHT).replace("momentum", "mu"), f"{EQUAL}; mu is taken for momentum", "yes yes"),
    "default": (SGD.replace("0.0", "0.9") + RIGHT, f"{EQUAL}; its default momentum is 0.9, PyTorch's 0", "yes yes"),
    "helper": (f"{SGD}{RIGHT}\n\ndef optimizer():\n    pass\n\n\ndef adam(w, g, *, lr):\n    raise OSError\n", EQUAL,
               "yes yes"),
    "replaces": ("import torch\nfrom descent.check import comparison\n\n"
                 f"comparison.first_difference = torch.optim.SGD = None\n\n\n{SGD}w += lr * g\n",
                 "✗ sgd: differs from torch.optim.SGD, in 3 of 3 settings", "no no"),
    "plain": ("def sgd(w, g, *, lr=1e-3):\n    w -= lr * g\n", "✓ sgd: equal to torch.optim.SGD, in 2 settings",
              "yes missing"),
    "nonsense": (SGD.replace("momentum", "beta") + "w -= 5 if beta else lr * g\n", "beta is taken for momentum",
                 "yes no"),
    "clip": (SGD.replace("=0.0", "=0.0, clip=None") + RIGHT, "in 3 settings", "yes yes unknown"),
    "random": (f"import torch\n\n\n{SGD}w -= lr * torch.rand_like(g)\n", "in 3 of 3 settings", "no no"),
    "wrong": (SGD + RIGHT.replace("lr *", "2 * lr *"), "in 3 of 3 settings", "no no"),
    "exits": (f"import os\nos._exit(0)\n{SGD}{RIGHT}", ENDED, "no no"),
    "crashes": ("import ctypes\nctypes.string_at(0)\n", ENDED, "no no"),
    "quits": (f"raise SystemExit('no')\n{SGD}{RIGHT}", "✗ quits.py, line 1: SystemExit: no", "no no"),
    "paints": ("raise ValueError('=1+1\\x1b[2J✓ sgd' + 'x' * 10**6)\n", "x" * 100, "no no"),
    "memory": (f"import torch\n\n\n{SGD}torch.ones(10**9)\n", "torch.optim.SGD, in 3 of 3 settings", "no no"),
    "no_import": (SGD + "w -= lr * torch.ones_like(w)\n", "3 of 3 settings", "no no"),
    "syntax": ("def sgd(w, g\n", "✗ syntax.py, line 1: '(' was never closed", "no no"),
    "no_rule": ("def step(w, g):\n    w -= g\n", "✗ it has no function or class that is named as an optimizer, such as "
                "sgd", "no no"),
    "d2l": ("def sgd(params, lr, batch_size):\n    pass\n", "found is sgd(params, lr, batch_size), asked is sgd(w, g, "
            "its state, *, lr=..., its other hyperparameters)", "no no"),
}  # fmt: skip


def check(*words: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "descent.check.handed_in", "--files", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "PYTHONUTF8": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """What is said of each file, and the grades; checked in a folder in which nothing may appear."""
    folder, made = tmp_path_factory.mktemp("handed-in"), tmp_path_factory.mktemp("made")
    for name, (text, *_) in HANDED_IN.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "notebook.ipynb").write_text(json.dumps({"cells": CELLS}))
    run = check(folder, "--csv", made / "grades.csv", "--reference", SKELETON, "--feedback", made / "feedback")
    assert (run.returncode, run.stderr) == (1, "")
    assert {file.stem for file in folder.iterdir()} == {*HANDED_IN, "notebook"}
    return run.stdout, pd.read_csv(made / "grades.csv", keep_default_na=False), made / "feedback"


@pytest.mark.parametrize("name", HANDED_IN)
def test_each_file_is_judged_by_itself(name, graded):
    (line,) = [line for line in graded[0].splitlines() if line.startswith(f"{name}.py: ")]
    _, end, parts = HANDED_IN[name]
    assert line.endswith(end) and len(line) < 400 and line.isprintable()
    its = graded[1].query(f"file == '{name}.py' and optimizer == 'sgd'")
    assert its["part"].tolist()[:2] == ["plain", "momentum"]
    assert " ".join(its["right"]) == parts


@pytest.mark.slow
def test_a_file_that_hangs_is_stopped_and_spoils_no_other(tmp_path):
    (tmp_path / "hangs.py").write_text(f"while True:\n    pass\n{SGD}{RIGHT}")
    (tmp_path / "right.py").write_text(SGD + RIGHT)
    said = check(tmp_path, "--reference", SKELETON).stdout
    assert "hangs.py: ✗ stopped after 10 seconds of processor time" in said and f"right.py: {EQUAL}" in said


def test_the_grades_say_what_is_wrong_and_no_cell_is_run_by_a_spreadsheet(graded):
    said, grades, feedback = graded
    assert list(grades) == ["file", "optimizer", "part", "right", "mistake"]
    its = grades.set_index(["file", "optimizer", "part"])["mistake"]
    assert its["wrong.py", "sgd", "plain"] == "2 α in place of α (lr)"
    assert its["random.py", "sgd", "plain"] == "it draws random numbers"
    assert its["clip.py", "sgd", "clip"].startswith("sgd: clip was not compared: torch.optim.SGD has lr, momentum,")
    assert "write `import torch` above the rule (no_import.py, line 2: w -=" in its["no_import.py", "sgd", "plain"]
    assert not grades.apply(lambda column: column.str.match("[=+@-]")).any(axis=None)
    assert (feedback / "wrong.py.txt").read_text(encoding="utf-8") in said
    assert said.splitlines()[-1] == f"9 of {len(HANDED_IN) + 1} files are right"
    assert "notebook.ipynb: " + EQUAL in said


def judge(file: Path, text: str, reference: Path | None = None) -> handed_in.Answer:
    """What is said of a file, and its grades; without a process of its own."""
    file.write_text(text, encoding="utf-8")
    return handed_in.check_file(file, handed_in.asked_of(reference, [file])[file])


def test_without_a_reference_the_parts_are_those_of_our_rule(tmp_path):
    said, grades = judge(tmp_path / "sgd.py", SGD + RIGHT)
    assert said == [EQUAL, "    missing: weight_decay, nesterov, together"]
    assert [right for *_, right, _ in grades] == ["yes", "yes", "missing", "missing", "missing"]


ONLY_TOGETHER = "✓ plain  ✓ momentum  ✓ weight_decay  ✓ nesterov  ✗ together (momentum, nesterov, weight_decay)"
NESTEROV = """def sgd(w, g, v, *, lr=1e-3, momentum=0.0, weight_decay=0.0, nesterov=False):
    d = g + weight_decay * w
    v.mul_(momentum).add_(d)
    w -= lr * ((g if nesterov else d) + momentum * v if nesterov else v)
"""


def test_what_is_wrong_only_together_is_a_part_of_its_own(tmp_path):
    said, grades = judge(tmp_path / "sgd.py", NESTEROV)
    assert said[-1].strip() == ONLY_TOGETHER
    assert [part for _, part, right, _ in grades if right == "no"] == ["together"]


def test_each_file_is_shown_with_as_much_of_its_path_as_tells_it_from_the_others(tmp_path):
    for student in ("alice", "bob b"):
        (tmp_path / student).mkdir()
        (tmp_path / student / "sgd.py").write_text(SGD + RIGHT)
    dangling = tmp_path / "gone.py"
    dangling.symlink_to("nowhere.py")
    shown = handed_in.expand([tmp_path / "alice", tmp_path / "bob b/sgd.py", dangling])
    assert list(shown.values()) == ["alice/sgd.py", "bob b/sgd.py", "gone.py"]
    said, _ = handed_in.check_file(dangling, {})
    assert said[0].startswith("✗ "), "it spoils no other"
    with pytest.raises(SystemExit, match=f"^there is no file {tmp_path}/bob.py$"):
        handed_in.expand([tmp_path / "bob.py"])


def test_the_skeleton_for_students_is_a_rule_without_a_body(tmp_path):
    skeleton = SKELETON.read_text(encoding="utf-8")
    said, _ = judge(tmp_path / "sgd.py", skeleton)
    assert "NotImplementedError: the step is still to be written (sgd.py, line 13: raise" in "".join(said)
    said, grades = judge(tmp_path / "sgd.py", skeleton[: skeleton.index("    raise")] + "    " + RIGHT, SKELETON)
    assert said == [EQUAL] and {right for *_, right, _ in grades} == {"yes"}
