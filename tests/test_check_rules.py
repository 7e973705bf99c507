"""What `make check` says of the real optimizers.py, and of copies of it with a mistake."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from checkouts import REPOSITORY
from descent import optimizers, rule_checks
from descent.rule_checks import (
    FORMULAS,
    MISTAKES,
    PROBLEM,
    SHAPES,
    by_torch,
    check_rule,
    first_difference,
    follow,
    settings,
    trajectory,
)

SOURCE = REPOSITORY / "workflow/descent/optimizers.py"
CLASSES = {name: optimizer.torch for name, optimizer in optimizers.OPTIMIZERS.items()}


def change(function, *replacements):
    """The text of optimizers.py with replacements in one function."""
    text = SOURCE.read_text(encoding="utf-8")
    (body,) = re.findall(rf"^def {function}\(.*?(?=\n\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    changed = body
    for old, new in replacements:
        assert changed.count(old) == 1, old
        changed = changed.replace(old, new)
    return text.replace(body, changed)


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Check an optimizer of an optimizers.py with the given text, in all settings: a table of rows."""

    def check(text, optimizer):
        file = tmp_path / "optimizers.py"
        file.write_text(text, encoding="utf-8")
        specification = importlib.util.spec_from_file_location("optimizers", file)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        monkeypatch.setattr(rule_checks, "optimizers", module)
        return pd.DataFrame([check_rule(optimizer, setting) for setting in settings(optimizer)])

    return check


@pytest.mark.parametrize("optimizer", CLASSES)
def test_every_rule_is_equal_to_its_class_in_every_setting(optimizer):
    rows = [check_rule(optimizer, setting) for setting in settings(optimizer)]
    assert {row["verdict"] for row in rows} == {"equal"}
    assert not any(row[column] for row in rows for column in ("first_step", "tensor", "factor", "mistake"))


@pytest.mark.parametrize("optimizer", CLASSES)
def test_the_formulas_that_mistakes_change_are_right(optimizer):
    for setting in settings(optimizer):
        full = optimizers.defaults(optimizer) | setting
        right = trajectory(lambda parameters, setting=setting: by_torch(optimizer, setting, parameters), PROBLEM)
        assert first_difference(follow(FORMULAS[CLASSES[optimizer]], full), right, SHAPES) is None


@pytest.mark.parametrize("optimizer", CLASSES)
def test_every_hyperparameter_is_checked_alone_and_together(optimizer):
    names = [set(setting) - {"lr"} for setting in settings(optimizer)]
    every = set(optimizers.defaults(optimizer)) - {"lr"}
    assert every in names
    for name in every:
        assert ({name} if name != "nesterov" else {"nesterov", "momentum"}) in names


ADAM_STEP = "w.addcdiv_(m, root, value=-lr / (1 - beta1**t))"
ROOT = "s.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)"
VELOCITY = 'v = state["v"].mul_(momentum).add_(g)'
ZEROS = 'state["v"] = w.new_zeros(w.shape)'

NO_EFFECT = "the step has no effect on w (w -= … changes it, w = w − … does not)"

# A mistake's name, the optimizer that is checked, the function that is changed, and how.
MADE = [
    ("the step has the wrong sign", "sgd", "sgd", ("w.add_(v, alpha=-lr)", "w.add_(v, alpha=lr)")),
    ("the step has the wrong sign", "adagrad", "adagrad", ("value=-lr", "value=lr")),
    ("the step has the wrong sign", "adam", "adam", ("value=-lr", "value=lr")),
    ("the step has the wrong sign", "adamw", "adam", ("value=-lr", "value=lr")),
    (NO_EFFECT, "sgd", "sgd", ("w.add_(v, alpha=-lr)", "w = w - lr * v")),
    (NO_EFFECT, "adam", "adam", (ADAM_STEP, "w = w - lr * m / root / (1 - beta1**t)")),
    (NO_EFFECT, "adamw", "adam", (ADAM_STEP, "w = w - lr * m / root / (1 - beta1**t)")),
    (
        "nothing has an effect on w",
        "adamw",
        "adamw",
        ("w.mul_(1 - lr * weight_decay)", "w = w * (1 - lr * weight_decay)"),
    ),
    *(
        ("the gradients are added up, not cleared", optimizer, "make_stacked_step", ("            w.grad = None\n", ""))
        for optimizer in CLASSES
    ),
    *(
        ("nothing is kept from step to step, or it is not used", name, name, ("if not state:", "if True:"))
        for name in CLASSES
        if name != "adamw"
    ),
    ("nothing is kept from step to step, or it is not used", "adamw", "adam", ("if not state:", "if True:")),
    ("(1 − μ) g in place of g, with v = 0 at first", "sgd", "sgd", (".add_(g)", ".add_(g, alpha=1 - momentum)")),
    (
        "(1 − μ) g in place of g, with v = 0 at first",
        "rmsprop",
        "rmsprop",
        ("cdiv_(g, root)", "cdiv_(g, root, value=1 - momentum)"),
    ),
    (
        "(1 − μ) g in place of g, with v = g at first",
        "sgd",
        "sgd",
        (ZEROS, 'state["v"] = g.clone()'),
        (VELOCITY, 'v = state["v"].lerp_(g, 1 - momentum)'),
    ),
    (
        "α inside the velocity",
        "sgd",
        "sgd",
        ("    v = g\n", "    v = g = lr * g\n"),
        ("w.add_(v, alpha=-lr)", "w.sub_(v)"),
    ),
    (
        "α inside the velocity",
        "rmsprop",
        "rmsprop",
        ("cdiv_(g, root)", "cdiv_(g, root, value=lr)"),
        ("w.add_(v, alpha=-lr)", "w.sub_(v)"),
    ),
    ("α inside the velocity, and outside", "sgd", "sgd", (".add_(g)", ".add_(g, alpha=lr)")),
    ("α inside the velocity, and outside", "rmsprop", "rmsprop", ("cdiv_(g, root)", "cdiv_(g, root, value=lr)")),
    ("α twice", "sgd", "sgd", ("alpha=-lr", "alpha=-lr * lr")),
    ("α twice", "adam", "adam", ("value=-lr", "value=-lr * lr")),
    (
        "Nesterov's momentum looks at the old velocity",
        "sgd",
        "sgd",
        (VELOCITY, f'old = state["v"].clone()\n        {VELOCITY}'),
        ("g.add(v, alpha=momentum)", "g.add(old, alpha=momentum)"),
    ),
    ("the weight decay is ignored", "sgd", "sgd", ("if weight_decay:", "if False:")),
    ("the weight decay is ignored", "adam", "adam", ("if weight_decay:", "if False:")),
    ("the weight decay is ignored", "adamw", "adamw", ("    w.mul_(1 - lr * weight_decay)\n", "")),
    (
        "the weight decay is decoupled",
        "sgd",
        "sgd",
        ("g = g.add(w, alpha=weight_decay)", "w.mul_(1 - lr * weight_decay)"),
    ),
    (
        "the weight decay is decoupled",
        "adam",
        "adam",
        ("g = g.add(w, alpha=weight_decay)", "w.mul_(1 - lr * weight_decay)"),
    ),
    ("the weight decay is coupled", "adamw", "adamw", ("w.mul_(1 - lr * weight_decay)", "g = g + weight_decay * w")),
    ("the weight decay lacks α", "adamw", "adamw", ("1 - lr * weight_decay", "1 - weight_decay")),
    ("β1 and β2 are swapped", "adam", "adam", ("beta1, beta2 = betas", "beta2, beta1 = betas")),
    ("no bias correction", "adam", "adam", (" / (1 - beta1**t)", ""), (".div_((1 - beta2**t) ** 0.5)", "")),
    ("no bias correction of m", "adam", "adam", (" / (1 - beta1**t)", "")),
    ("no bias correction of s", "adam", "adam", (".div_((1 - beta2**t) ** 0.5)", "")),
    ("ε inside the root", "adagrad", "adagrad", ("s.sqrt().add_(eps)", "s.add(eps).sqrt()")),
    ("ε inside the root", "rmsprop", "rmsprop", ("s.sqrt().add_(eps)", "s.add(eps).sqrt()")),
    ("ε inside the root", "adam", "adam", (ROOT, "(s / (1 - beta2**t) + eps).sqrt()")),
    ("ε before the bias correction", "adam", "adam", (ROOT, "s.sqrt().add_(eps).div_((1 - beta2**t) ** 0.5)")),
]


@pytest.mark.parametrize(
    ("name", "optimizer", "function", "replacements"), [(*made[:3], made[3:]) for made in MADE], ids=str
)
def test_a_mistake_of_the_table_is_found_and_named(name, optimizer, function, replacements, check):
    rows = check(change(function, *replacements), optimizer)
    different = rows[rows["verdict"] == "different"]
    named = set(different["mistake"]) - {""}
    assert len(named) == 1
    assert re.match(rf"the rule has this mistake: {re.escape(name)}($|: )", named.pop())
    assert (rows.loc[rows["verdict"] == "equal", "mistake"] == "").all()


def test_each_mistake_of_the_table_is_made_here():
    assert {made[0] for made in MADE} == {name for name, _ in MISTAKES}


UNKNOWN = [
    ("sgd", "sgd", (VELOCITY, 'v = state["v"].mul_(momentum**2).add_(g)')),
    ("sgd", "sgd", ("g.add(w, alpha=weight_decay)", "g.add(w, alpha=-weight_decay)")),
    ("sgd", "sgd", ("w.add_(v, alpha=-lr)", "w.add_(v, alpha=-0.1)")),
    ("sgd", "sgd", ("g.add(v, alpha=momentum)", "v.mul(momentum)")),
    ("adagrad", "adagrad", ("addcmul_(g, g)", "addcmul_(g, g, value=0.5)")),
    ("adagrad", "adagrad", ("s.sqrt().add_(eps)", "s.add(eps)")),
    ("rmsprop", "rmsprop", ("value=1 - alpha", "value=alpha")),
    ("rmsprop", "rmsprop", ("eps: float = 1e-8", "eps: float = 1e-6")),
    ("adam", "adam", ("t=0", "t=1")),
    ("adam", "adam", ("m.lerp_(g, 1 - beta1)", "m.lerp_(g, beta1)")),
    ("adam", "adam", ("addcmul_(g, g, value=1 - beta2)", "add_(g.abs(), alpha=1 - beta2)")),
    ("adamw", "adamw", ("1 - lr * weight_decay", "1 - lr**2 * weight_decay")),
]


@pytest.mark.parametrize(("optimizer", "function", "replacement"), UNKNOWN, ids=str)
def test_another_mistake_is_found_and_not_named(optimizer, function, replacement, check):
    rows = check(change(function, replacement), optimizer)
    assert (rows["verdict"] == "different").any()
    assert (rows["mistake"] == "").all()


REWRITTEN = {
    "sgd": """
    g = g + weight_decay * w
    velocity = momentum * state.get("v", 0) + g
    state["v"] = velocity
    w -= lr * g + lr * momentum * velocity if nesterov else velocity * lr""",
    "adagrad": """
    state["s"] = state.get("s", 0) + g**2
    w -= g / (eps + state["s"] ** 0.5) * lr""",
    "rmsprop": """
    state["s"] = state.get("s", 0) + (1 - alpha) * (g**2 - state.get("s", 0))
    state["v"] = g / (state["s"] ** 0.5 + eps) + momentum * state.get("v", 0)
    w.sub_(lr * state["v"])""",
    "adam": """
    g = g + weight_decay * w
    t = state["t"] = state.get("t", 0) + 1
    state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
    state["s"] = betas[1] * state.get("s", 0) + (1 - betas[1]) * g * g
    w.copy_(w - lr * (state["m"] / (1 - betas[0] ** t)) / ((state["s"] / (1 - betas[1] ** t)) ** 0.5 + eps))""",
    "adamw": """
    before = w.clone()
    adam(w, g, state, lr=lr, betas=betas, eps=eps)
    w.sub_(before, alpha=lr * weight_decay)""",
}


@pytest.mark.parametrize("optimizer", REWRITTEN)
def test_a_right_rule_in_another_order_of_operations_is_equal(optimizer, check):
    text = SOURCE.read_text(encoding="utf-8")
    ((head, body),) = re.findall(rf'(^def {optimizer}\(.*?""".*?""")(.*?)(?=\n\n\n)', text, re.DOTALL | re.MULTILINE)
    rows = check(text.replace(head + body, head + REWRITTEN[optimizer]), optimizer)
    assert (rows["verdict"] == "equal").all()


def test_a_factor_is_our_change_of_w_over_theirs(check):
    rows = check(change("sgd", (".add_(g)", ".add_(g, alpha=1 - momentum)")), "sgd").set_index("setting")
    first = rows.loc["lr 0.1, momentum 0.9"]
    assert (first["first_step"], first["tensor"], first["factor"]) == (1, "[3]", "0.1")
    rows = check(change("sgd", ("w.add_(v, alpha=-lr)", "w.add_(v, alpha=lr)")), "sgd")
    assert set(rows["factor"]) == {"-1"}


def test_a_rule_that_raises_is_different_and_its_line_is_shown(check):
    rows = check(change("adagrad", ("s.sqrt()", "s.squareroot()")), "adagrad")
    assert (rows["verdict"] == "different").all()
    pattern = r"AttributeError: .*'squareroot'.* \(optimizers\.py, line \d+: w\.addcdiv_\(g, s\.squareroot\(\).*\)"
    assert rows["mistake"].str.fullmatch(pattern).all()


OWN = {
    "w.sub_(g.sign(), alpha=lr * scale)": None,
    "w = w - lr * scale * g.sign()": "it does not change w in place",
    "w.sub_(g / g.abs(), alpha=lr * scale)": "w does not stay finite",
    "COUNT.append(1); w.sub_(g, alpha=lr * scale / len(COUNT))": "it keeps something outside of state",
    "w.sub_(g / (1 + g.norm()), alpha=lr * scale)": "it updates a network in a stack otherwise than alone",
}


@pytest.mark.parametrize("star", ["*, ", ""], ids=["keyword-only", "positional"])
def test_every_hyperparameter_that_is_a_number_has_other_values_than_its_default(star, check):
    text = SOURCE.read_text(encoding="utf-8")
    rule = f"def own(w, g, state, {star}lr=1.0, rho=0.8, slow=False, k=3, c=0.0):\n    w.sub_(g, alpha=lr)\n\n\n"
    text = text.replace("class Optimizer(", rule + "class Optimizer(")
    rows = check(text.replace("OPTIMIZERS = {\n", 'OPTIMIZERS = {\n    "own": Optimizer(own),\n'), "own")
    assert rows["setting"].iloc[-1] == "lr 0.03, c 0.25, rho 0.2, slow true"
    assert len(rows) == 2**3 + 1


def test_single_precision_is_suspected(check):
    rows = check(change("adagrad", ("s.sqrt().add_(eps)", "s.sqrt().float().double().add_(eps)")), "adagrad")
    assert (rows["verdict"] == "different").all()
    pattern = r"only \de-(07|08|09|10) apart: does one keep a number in single precision\?"
    assert rows["mistake"].str.fullmatch(pattern).all()


@pytest.mark.parametrize(("body", "mistake"), OWN.items(), ids=str)
def test_a_rule_without_a_class_is_checked_for_what_can_be(body, mistake, check):
    text = SOURCE.read_text(encoding="utf-8")
    rule = f"COUNT = []\n\n\ndef own(w, g, state, *, lr, scale):\n    {body}\n\n\n"
    text = text.replace("class Optimizer(", rule + "class Optimizer(")
    rows = check(text.replace("OPTIMIZERS = {\n", 'OPTIMIZERS = {\n    "own": Optimizer(own),\n'), "own")
    assert rows["setting"].tolist() == ["lr 0.1, scale 0.5", "lr 0.03, scale 0.25"]
    assert set(rows["verdict"]) == {"different" if mistake else "equal"}
    assert rows["mistake"].str.startswith(mistake or "").all()


def run(package, *words):
    """`make check` with the package in a folder, or the step with options."""
    return subprocess.run(
        [sys.executable, "-m", "descent.steps.check_rules", *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
    )


def test_make_check_fails_if_a_rule_differs_and_the_workflow_does_not(tmp_path):
    fine = run(REPOSITORY / "workflow", "--setting", "sgd", '{"lr": 0.01}')
    assert fine.returncode == 0
    assert re.search(r"^sgd +lr 0\.01 +equal$", fine.stdout, re.MULTILINE)

    shutil.copytree(REPOSITORY / "workflow", tmp_path / "workflow")
    text = change("sgd", ("w.add_(v, alpha=-lr)", "w.add_(v, alpha=lr)"))
    (tmp_path / "workflow/descent/optimizers.py").write_text(text, encoding="utf-8")
    wrong = run(tmp_path / "workflow")
    assert wrong.returncode == 1
    assert re.search(r"^sgd +lr 0\.1 +different +1 +\[3\] +-1$", wrong.stdout, re.MULTILINE)
    mistake = r"  \d+ settings: the rule has this mistake: the step has the wrong sign: w = w \+ α d"
    assert re.search(rf"^sgd: 0 of .*\n{mistake}$", wrong.stdout, re.MULTILINE)

    assert run(tmp_path / "workflow", "--results", tmp_path).returncode == 0
    rules = pd.read_csv(tmp_path / "rules.csv")
    assert rules.columns.tolist() == ["optimizer", "setting", "verdict", "first_step", "tensor", "factor", "mistake"]
    counts = pd.read_csv(tmp_path / "rule_verdicts.csv").set_index("optimizer")
    assert counts.loc["sgd", "equal"] == 0 < counts.loc["sgd", "settings"]
    assert counts.loc["adam", "equal"] == counts.loc["adam", "settings"]
