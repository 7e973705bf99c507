"""What `make check` says of the real rules, and of copies of them with a mistake."""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from cases import optimizers_in
from descent.checks import PROBLEM, SHAPES, check, check_optimizers, first_difference, settings, trajectory
from descent.classes import torch_class
from descent.implementations import FromScratch
from descent.mistakes import FORMULAS, MISTAKES, follow
from descent.optimizers import FOLDER, find, names
from descent.sources import PACKAGE

CLASSES = {name: its for name in names() if (its := torch_class(name))}


def source(name: str) -> str:
    return (FOLDER / f"{name}.py").read_text(encoding="utf-8")


def edited(name: str, *replacements: tuple[str, str]) -> str:
    """The text of a rule's file with some replacements."""
    text = source(name)
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def verdicts(name: str) -> pd.DataFrame:
    rule = find(name)
    return pd.DataFrame([check(name, rule, setting) for setting in settings(rule.defaults)])


@pytest.fixture
def check_with(tmp_path):
    """Check a rule in all settings, where some files have another text: a table of rows."""

    def check_with(name: str, **texts: str) -> pd.DataFrame:
        with optimizers_in(tmp_path / "optimizers") as folder:
            for file, text in ({its: source(its) for its in CLASSES} | texts).items():
                (folder / f"{file}.py").write_text(text, encoding="utf-8")
            return verdicts(name)

    return check_with


@pytest.mark.parametrize("name", CLASSES)
def test_every_rule_is_equal_to_its_class_in_every_setting(name):
    rows = verdicts(name)
    assert set(rows["verdict"]) == {"equal"}
    assert set(rows["torch"]) == {CLASSES[name].__name__}
    assert (rows[["first_step", "tensor", "factor", "mistake"]] == "").all(axis=None)


@pytest.mark.parametrize("name", CLASSES)
def test_the_formulas_that_mistakes_change_are_right(name):
    defaults = find(name).defaults
    for setting in settings(defaults):
        right = trajectory(partial(CLASSES[name], **setting), PROBLEM)
        walked = follow(
            FORMULAS[CLASSES[name].__name__], defaults | setting, PROBLEM.start, PROBLEM.gradients, PROBLEM.halfway
        )
        assert first_difference(walked, right, SHAPES) is None


@pytest.mark.parametrize("name", CLASSES)
def test_every_hyperparameter_is_checked_alone_and_together(name):
    defaults = find(name).defaults
    checked = [set(setting) - {"lr"} for setting in settings(defaults)]
    every = set(defaults) - {"lr"}
    assert every in checked
    for hyperparameter in every:
        assert ({hyperparameter} if hyperparameter != "nesterov" else {"nesterov", "momentum"}) in checked


SGD_STEP = "w.add_(g, alpha=-lr)"
ADAM_STEP = "w.addcdiv_(m, root, value=-lr / (1 - beta1**t))"
ROOT = "s.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)"
VELOCITY = "v.mul_(momentum).add_(g)"
SCALED = "v.mul_(momentum).addcdiv_(g, root)"

WRONG_SIGN = "the step has the wrong sign"
NO_EFFECT = "the step has no effect on w (w -= … changes it, w = w − … does not)"
NOTHING_KEPT = "nothing is kept from step to step (v.mul_(…) changes v, v = … does not)"
WITHOUT_EFFECT = (ADAM_STEP, "w = w - lr * m / root / (1 - beta1**t)")
DECOUPLED = ("g = g.add(w, alpha=weight_decay)", "w.mul_(1 - lr * weight_decay)")

# A mistake's name, the file that is changed, and how.
MADE = [
    (WRONG_SIGN, "sgd", (SGD_STEP, "w.add_(g, alpha=lr)")),
    (WRONG_SIGN, "adam", ("value=-lr", "value=lr")),
    (NO_EFFECT, "sgd", (SGD_STEP, "w = w - lr * g")),
    (NO_EFFECT, "adam", WITHOUT_EFFECT),
    (NOTHING_KEPT, "sgd", (VELOCITY, "v = v.mul(momentum).add(g)")),
    (NOTHING_KEPT, "adam", ("m.lerp_(", "m = m.lerp("), ("s.mul_(beta2).addcmul_(", "s = s.mul(beta2).addcmul(")),
    ("(1 − μ) g in place of g, with v = 0 at first", "sgd", (".add_(g)", ".add_(g, alpha=1 - momentum)")),
    (
        "(1 − μ) g in place of g, with v = g at first",
        "sgd",
        ("sgd(w, g, v", "sgd(w, g, t, v"),
        (VELOCITY, "v.lerp_(g, 1 - momentum if t > 1 else 1)"),
    ),
    ("α inside the velocity", "sgd", ("    if momentum:", "    g = lr * g\n    if momentum:"), (SGD_STEP, "w.sub_(g)")),
    ("α inside the velocity", "rmsprop", (SCALED, f"{SCALED[:-1]}, value=lr)"), ("w.add_(v, alpha=-lr)", "w.sub_(v)")),
    ("α inside the velocity, and outside", "sgd", (".add_(g)", ".add_(g, alpha=lr)")),
    ("α twice", "sgd", ("alpha=-lr", "alpha=-lr * lr")),
    (
        "Nesterov's momentum looks at the old velocity",
        "sgd",
        (VELOCITY, f"old = v.clone()\n        {VELOCITY}"),
        ("g.add(v, alpha=momentum)", "g.add(old, alpha=momentum)"),
    ),
    ("the weight decay is ignored", "sgd", ("if weight_decay:", "if False:")),
    ("the weight decay is ignored", "adamw", ("    w.mul_(1 - lr * weight_decay)\n", "")),
    ("the weight decay is decoupled", "sgd", DECOUPLED),
    ("the weight decay is coupled", "adamw", ("w.mul_(1 - lr * weight_decay)", "g = g + weight_decay * w")),
    ("the weight decay lacks α", "adamw", ("1 - lr * weight_decay", "1 - weight_decay")),
    ("β1 and β2 are swapped", "adam", ("beta1, beta2 = betas", "beta2, beta1 = betas")),
    ("no bias correction", "adam", (" / (1 - beta1**t)", ""), (".div_((1 - beta2**t) ** 0.5)", "")),
    ("no bias correction of m", "adam", (" / (1 - beta1**t)", "")),
    ("no bias correction of s", "adam", (".div_((1 - beta2**t) ** 0.5)", "")),
    ("ε inside the root", "adagrad", ("s.sqrt().add_(eps)", "s.add(eps).sqrt()")),
    ("ε inside the root", "adam", (ROOT, "(s / (1 - beta2**t) + eps).sqrt()")),
    ("ε before the bias correction", "adam", (ROOT, "s.sqrt().add_(eps).div_((1 - beta2**t) ** 0.5)")),
]
CHANGED = [(mistake, name, {name: edited(name, *changes)}) for mistake, name, *changes in MADE]
NO_STEP = {"adam": edited("adam", WITHOUT_EFFECT)}
NO_DECAY = {"adamw": edited("adamw", ("w.mul_(1 - lr * weight_decay)", "w = w * (1 - lr * weight_decay)"))}
CHANGED += [(NO_EFFECT, "adamw", NO_STEP), ("nothing has an effect on w", "adamw", NO_STEP | NO_DECAY)]
NOT_CLEARED = "the gradients are added up, not cleared"


def assert_named(mistake: str, rows: pd.DataFrame) -> None:
    """Some rows are different, and those whose mistake is named all name this one."""
    named = set(rows.loc[rows["verdict"] == "different", "mistake"]) - {""}
    assert len(named) == 1
    assert re.match(rf"the rule has this mistake: {re.escape(mistake)}($|: )", named.pop())
    assert (rows.loc[rows["verdict"] == "equal", "mistake"] == "").all()


@pytest.mark.parametrize(("mistake", "name", "texts"), CHANGED, ids=[f"{name}: {its}" for its, name, _ in CHANGED])
def test_a_mistake_of_the_table_is_found_and_named(mistake, name, texts, check_with):
    assert_named(mistake, check_with(name, **texts))


@pytest.mark.parametrize("name", CLASSES)
def test_gradients_that_are_not_cleared_are_found_and_named(name, monkeypatch):
    monkeypatch.setattr(FromScratch, "zero_grad", lambda self: None)
    assert_named(NOT_CLEARED, verdicts(name))


def test_each_mistake_of_the_table_is_made_here():
    assert {mistake for mistake, *_ in CHANGED} | {NOT_CLEARED} == {mistake for mistake, _ in MISTAKES}


UNKNOWN = [
    ("sgd", (VELOCITY, "v.mul_(momentum**2).add_(g)")),
    ("sgd", ("g.add(w, alpha=weight_decay)", "g.add(w, alpha=-weight_decay)")),
    ("sgd", (SGD_STEP, "w.add_(g, alpha=-0.1)")),
    ("sgd", ("g.add(v, alpha=momentum)", "v.mul(momentum)")),
    ("adagrad", ("addcmul_(g, g)", "addcmul_(g, g, value=0.5)")),
    ("adagrad", ("s.sqrt().add_(eps)", "s.add(eps)")),
    ("rmsprop", ("value=1 - alpha", "value=alpha")),
    ("rmsprop", ("eps=1e-8", "eps=1e-6")),
    ("adam", ("    beta1, beta2", "    t += 1\n    beta1, beta2")),
    ("adam", ("m.lerp_(g, 1 - beta1)", "m.lerp_(g, beta1)")),
    ("adam", ("m.lerp_(", "m = m.lerp(")),
    ("adam", ("addcmul_(g, g, value=1 - beta2)", "add_(g.abs(), alpha=1 - beta2)")),
    ("adamw", ("1 - lr * weight_decay", "1 - lr**2 * weight_decay")),
]


@pytest.mark.parametrize(("name", "change"), UNKNOWN, ids=str)
def test_another_mistake_is_found_and_not_named(name, change, check_with):
    rows = check_with(name, **{name: edited(name, change)})
    assert (rows["verdict"] == "different").any()
    assert (rows["mistake"] == "").all()


REWRITTEN = {
    "sgd": """
    g = g + weight_decay * w
    v.copy_(g + v * momentum)
    w -= lr * g + lr * momentum * v if nesterov else v * lr""",
    "adagrad": """
    s += g**2
    w -= g / (eps + s**0.5) * lr""",
    "rmsprop": """
    s += (1 - alpha) * (g**2 - s)
    v[...] = g / (s**0.5 + eps) + momentum * v
    w.sub_(lr * v)""",
    "adam": """
    g = g + weight_decay * w
    m[...] = betas[0] * m + (1 - betas[0]) * g
    s[...] = betas[1] * s + (1 - betas[1]) * g * g
    w.copy_(w - lr * (m / (1 - betas[0] ** t)) / ((s / (1 - betas[1] ** t)) ** 0.5 + eps))""",
    "adamw": """
    before = w.clone()
    adam(w, g, t, m, s, lr=lr, betas=betas, eps=eps)
    w.sub_(before, alpha=lr * weight_decay)""",
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_a_right_rule_in_another_order_of_operations_is_equal(name, check_with):
    head, _ = source(name).rsplit('"""', 1)
    rows = check_with(name, **{name: f'{head}"""{REWRITTEN[name]}\n'})
    assert (rows["verdict"] == "equal").all()


def test_what_starts_late_is_found(check_with):
    late = ("    if weight_decay:", "    if t > 200:\n        lr = lr / 10\n    if weight_decay:")
    rows = check_with("sgd", sgd=edited("sgd", ("sgd(w, g, v", "sgd(w, g, t, v"), late))
    assert set(rows["verdict"]) == {"different"} and set(rows["first_step"]) <= {201, 202}


def test_a_factor_is_our_change_of_w_over_theirs(check_with):
    rows = check_with("sgd", sgd=edited("sgd", (".add_(g)", ".add_(g, alpha=1 - momentum)"))).set_index("setting")
    first = rows.loc["lr 0.1, momentum 0.9"]
    assert (first["first_step"], first["tensor"], first["factor"]) == (1, "[3]", "0.1")
    rows = check_with("adagrad", adagrad=edited("adagrad", ("value=-lr", "value=2 * lr")))
    assert set(rows["factor"]) == {"-2"}


def test_a_rule_that_raises_is_different_and_its_line_is_shown(check_with):
    rows = check_with("adagrad", adagrad=edited("adagrad", ("s.sqrt()", "s.squareroot()")))
    assert (rows["verdict"] == "different").all()
    pattern = (
        r"AttributeError: .*'squareroot'.* \(optimizers/adagrad\.py, line 11: w\.addcdiv_\(g, s\.squareroot\(\).*\)"
    )
    assert rows["mistake"].str.fullmatch(pattern).all()


def test_single_precision_is_suspected(check_with):
    rows = check_with("adagrad", adagrad=edited("adagrad", ("s.sqrt().add_", "s.sqrt().float().double().add_")))
    assert (rows["verdict"] == "different").all()
    pattern = r"only \de-(07|08|09|10) apart: does one keep a number in single precision\?"
    assert rows["mistake"].str.fullmatch(pattern).all()


OWN = {
    "w.sub_(g.sign(), alpha=lr * scale)": None,
    "w = w - lr * scale * g.sign()": "it does not change w in place",
    "w.sub_(g / g.abs(), alpha=lr * scale)": "w does not stay finite",
    "w.sub_(g, alpha=lr * scale).flatten()[0] /= 0": "w does not stay finite",
    "COUNT.append(1); w.sub_(g, alpha=lr * scale / len(COUNT))": "it keeps something outside of its state",
    "w.sub_(g / (1 + g.norm()), alpha=lr * scale)": "it updates a network in a stack otherwise than alone",
}


@pytest.mark.parametrize(("body", "mistake"), OWN.items(), ids=str)
def test_a_rule_without_a_class_is_checked_for_what_can_be(body, mistake, check_with):
    rows = check_with("own", own=f"COUNT = []\n\n\ndef own(w, g, *, lr, scale):\n    {body}\n")
    assert rows["setting"].tolist() == ["lr 0.1, scale 0.5", "lr 0.03, scale 0.25"]
    assert set(rows["torch"]) == {""}
    assert set(rows["verdict"]) == {"different" if mistake else "equal"}
    assert rows["mistake"].str.startswith(mistake or "").all()


def test_the_first_difference_is_the_first_in_any_tensor():
    right = trajectory(partial(CLASSES["sgd"], lr=0.1), PROBLEM)
    wrong = right.clone()
    wrong[7:, 5] += 1e-6  # of the second tensor, as the first has three entries
    found = first_difference(wrong, right, SHAPES)
    assert (found["first_step"], found["tensor"]) == (7, "[4, 5]")


@pytest.mark.parametrize("star", ["*, ", ""], ids=["keyword-only", "positional"])
def test_every_hyperparameter_that_is_a_number_has_other_values_than_its_default(star, check_with):
    rule = f"def own(w, g, {star}lr=1.0, rho=0.8, slow=False, k=3, c=0.0):\n    w.sub_(g, alpha=lr)\n"
    rows = check_with("own", own=rule)
    assert rows["setting"].tolist()[-2:] == ["lr 0.1, c 0.5, rho 0.4, slow true", "lr 0.03, c 0.25, rho 0.2, slow true"]
    assert len(rows) == 2**3 + 1


def test_settings_of_ones_own_are_checked_too_each_once():
    own = [{"lr": 0.02, "momentum": 0.9}, {"momentum": 0.9, "lr": 0.02}, {"momentum": 0.9, "lr": 0.1}]
    rows = pd.DataFrame(check_optimizers({"sgd": own}))
    assert rows["optimizer"].unique().tolist() == names()
    its = rows.loc[rows["optimizer"] == "sgd", "setting"].tolist()
    assert its == [*verdicts("sgd")["setting"], "lr 0.02, momentum 0.9"]


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package with the rules of SGD, with a wrong sign, and of Adagrad."""
    shutil.copytree(PACKAGE, tmp_path / "workflow/descent", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "workflow/descent/optimizers"
    for name in names():
        if name not in ("sgd", "adagrad"):
            (folder / f"{name}.py").unlink()
    (folder / "sgd.py").write_text(edited("sgd", (SGD_STEP, "w.add_(g, alpha=lr)")), encoding="utf-8")
    return tmp_path / "workflow"


def run(package: Path, *words: str) -> subprocess.CompletedProcess:
    """`make check` with a package, or the step with options."""
    command = [sys.executable, "-m", "descent.steps.check_optimizers", *words]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(package)}, capture_output=True, text=True)


def test_make_check_fails_if_a_rule_differs_and_says_how(package):
    wrong = run(package)
    assert wrong.returncode == 1
    assert re.search(r"^sgd +lr 0\.1 +different +1 +\[3\] +-1$", wrong.stdout, re.MULTILINE)
    mistake = r"  7 settings: the rule has this mistake: the step has the wrong sign: w = w \+ α d"
    assert re.search(rf"^sgd: 0 of 7 settings are equal to torch\.optim\.SGD\n{mistake}$", wrong.stdout, re.MULTILINE)
    assert "\nadagrad: 3 of 3 settings are equal to torch.optim.Adagrad\n" in wrong.stdout


def test_the_workflows_check_writes_a_table_and_does_not_fail(package, tmp_path):
    more = run(package, "--settings", '{"adagrad": [{"lr": 0.07}]}', "--output", str(tmp_path / "optimizers.csv"))
    assert more.returncode == 0
    rows = pd.read_csv(tmp_path / "optimizers.csv", keep_default_na=False)
    assert list(rows) == ["optimizer", "torch", "setting", "verdict", "first_step", "tensor", "factor", "mistake"]
    assert rows[["optimizer", "verdict"]].value_counts().to_dict() == {("adagrad", "equal"): 4, ("sgd", "different"): 7}
    assert rows["setting"].tolist().count("lr 0.07") == 1


@pytest.mark.slow
def test_make_check_succeeds_if_all_rules_are_right(package):
    (package / "descent/optimizers/sgd.py").unlink()
    fine = run(package)
    assert (fine.returncode, fine.stderr) == (0, "")
