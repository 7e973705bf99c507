"""`make check FILES=…`: rules in files of others, good and hostile."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from checkouts import PACKAGE, REPOSITORY

SGD = "def sgd(w, g, v, *, lr=1e-3, momentum=0.0):\n    "
RIGHT = "v.mul_(momentum).add_(g)\n    w.sub_(lr * v)\n"
ENDED = "✗ it ended its process: it exits, crashes or takes too much memory"
HANDED_IN = {  # a file, and the end of the line that says what it is
    "right": (SGD + RIGHT, "✓ sgd: equal to torch.optim.SGD, in 3 settings"),
    "torch": ("import torch\n\n\n" + SGD + "v.copy_(torch.add(g, v, alpha=momentum))\n    w -= lr * v\n", "3 settings"),
    "prints": (f"print('x' * 10**6)\n{SGD}print(w)\n    {RIGHT}", "✓ sgd: equal to torch.optim.SGD, in 3 settings"),
    "writes": (f"open('written', 'w').write('x')\n{SGD}{RIGHT}", "✓ sgd: equal to torch.optim.SGD, in 3 settings"),
    "wrong": (SGD + RIGHT.replace("add_(g)", "add_(g).mul_(1)").replace("lr *", "2 * lr *"), "in 3 of 3 settings"),
    "hangs": (f"while True:\n    pass\n{SGD}{RIGHT}", "✗ stopped after 10 seconds"),
    "exits": (f"import os\nos._exit(0)\n{SGD}{RIGHT}", ENDED),
    "crashes": ("import ctypes\nctypes.string_at(0)\n", ENDED),
    "quits": (f"raise SystemExit('no')\n{SGD}{RIGHT}", "✗ it ends with SystemExit('no')"),
    "memory": (f"import torch\n\n\n{SGD}torch.ones(10**9)\n", "torch.optim.SGD, in 3 of 3 settings"),
    "no_import": (SGD + "w -= lr * torch.ones_like(w)\n", "3 of 3 settings"),
    "syntax": ("def sgd(w, g\n", "✗ syntax.py, line 1: '(' was never closed"),
    "no_rule": ("def step(w, g):\n    w -= g\n", "✗ it has no function that is named as an optimizer, such as sgd"),
    "no_lr": ("def sgd(w, g):\n    w -= g\n", "hyperparameters have a default, or stand behind a *"),
}  # fmt: skip


def check(*words: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "descent.check.handed_in", "--files", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "PYTHONUTF8": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """What is said of each file, and the grades; checked in a folder in which nothing may appear."""
    folder = tmp_path_factory.mktemp("handed-in")
    for name, (text, _) in HANDED_IN.items():
        (folder / f"{name}.py").write_text(text)
    run = check(*sorted(folder.glob("*.py")), "--csv", folder / "grades.csv")
    assert (run.returncode, run.stderr) == (1, "")
    assert {file.name for file in folder.iterdir()} == {"grades.csv", *(f"{name}.py" for name in HANDED_IN)}
    return run.stdout, pd.read_csv(folder / "grades.csv", keep_default_na=False)


@pytest.mark.parametrize("name", HANDED_IN)
def test_each_file_is_judged_by_itself(name, graded):
    (line,) = [line for line in graded[0].splitlines() if line.startswith(f"{name}.py: ")]
    assert line.endswith(HANDED_IN[name][1])


def test_the_grades_have_a_row_for_each_file_and_part_in_the_order_of_the_files(graded):
    grades = graded[1]
    assert list(grades) == ["file", "optimizer", "part", "right", "mistake"]
    assert grades["file"].drop_duplicates().tolist() == sorted(f"{name}.py" for name in HANDED_IN)
    its = grades.set_index(["file", "part"])
    assert its.loc[("right.py", "momentum")].tolist() == ["sgd", "yes", ""]
    assert its.loc[("wrong.py", "plain")].tolist() == ["sgd", "no", "2 α in place of α (lr)"]
    assert its.loc[("hangs.py", "")].tolist() == ["", "no", "stopped after 10 seconds"]
    assert (
        "write `import torch` above the rule (no_import.py, line 2: w -="
        in its.loc[("no_import.py", "plain"), "mistake"]
    )


@pytest.mark.slow
def test_right_files_alone_succeed_and_a_missing_one_is_named(tmp_path):
    (tmp_path / "alice.py").write_text(SGD + RIGHT)
    assert check(tmp_path / "alice.py").returncode == 0
    assert check(tmp_path / "bob.py").stderr == f"there is no file {tmp_path / 'bob.py'}\n"


def test_the_skeleton_for_students_is_a_rule_without_a_body(tmp_path):
    skeleton = (REPOSITORY / "docs/skeleton/sgd.py").read_text(encoding="utf-8")
    said = check(REPOSITORY / "docs/skeleton/sgd.py")
    assert "NotImplementedError: the step is still to be written (sgd.py, line 13: raise" in said.stdout
    (tmp_path / "sgd.py").write_text(skeleton[: skeleton.index("    raise")] + "    " + RIGHT, encoding="utf-8")
    assert check(tmp_path / "sgd.py").stdout == "sgd.py: ✓ sgd: equal to torch.optim.SGD, in 3 settings\n"
