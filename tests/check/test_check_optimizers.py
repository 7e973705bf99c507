"""What `make check` says of the real rules, and of copies of them with a mistake."""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
import torch
from cases import optimizers_in
from checkouts import PACKAGE
from descent.check.assignment import translate
from descent.check.comparison import FLAGS, PROBLEM, check, combined, first_difference, trajectory
from descent.check.mistakes import FORMULAS, MISTAKES, follow, wrong_formulas
from descent.optimizers import FOLDER, find, names
from descent.optimizers._classes import class_defaults, torch_class

CLASSES = {name: its for name in names() if (its := torch_class(name))}


def source(name: str) -> str:
    return (FOLDER / f"{name}.py").read_text(encoding="utf-8")


def combined_of(name: str) -> list[dict]:
    """What the check gives to a rule of ours."""
    return combined(translate(name, find(name)).known, ["lr"], FLAGS)


def edited(name: str, *replacements: tuple[str, str]) -> str:
    """The text of a rule's file with some replacements."""
    text = source(name)
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def verdicts(name: str) -> pd.DataFrame:
    return pd.DataFrame(check(name, find(name)).rows)


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
    assert (rows[["first_step", "mistake"]] == "").all(axis=None)
    assert set(check(name, find(name)).parts.values()) == {True}


def walks(name: str, formula: str) -> list[torch.Tensor]:
    """The trajectories of a formula in all settings that the class takes."""
    asked = [its for its in combined_of(name) if "nesterov" not in its or "momentum" in its]
    return [follow(formula, class_defaults(name) | its, PROBLEM.start, PROBLEM) for its in asked]


def differ(ones: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return any(first_difference(*pair) for pair in zip(ones, others))


@pytest.mark.parametrize("name", CLASSES)
def test_the_formulas_that_mistakes_change_are_right(name):
    asked = [its for its in combined_of(name) if "nesterov" not in its or "momentum" in its]
    right = [trajectory(partial(CLASSES[name], **setting), PROBLEM) for setting in asked]
    assert not differ(walks(name, FORMULAS[name]), right)


@pytest.mark.parametrize("name", CLASSES)
def test_no_mistake_looks_like_another_or_like_the_right_formula_in_all_settings(name):
    walked = [("right", walks(name, FORMULAS[name]))]
    walked += [(what.partition(":")[0], walks(name, wrong)) for what, wrong in wrong_formulas(FORMULAS[name])]
    alike = [{a, b} for (a, ones), (b, others) in combinations(walked, 2) if a != b and not differ(ones, others)]
    assert alike == []


@pytest.mark.parametrize("name", CLASSES)
def test_every_hyperparameter_is_checked_alone_and_together(name):
    checked = [set(setting) - {"lr"} for setting in combined_of(name)]
    every = set(find(name).defaults) - {"lr"}
    assert every in checked
    for hyperparameter in every:
        assert ({hyperparameter} if hyperparameter != "nesterov" else {"nesterov", "momentum"}) in checked


SGD_STEP = "w.add_(g, alpha=-lr)"
ADAM_STEP = "w.addcdiv_(m, root, value=-lr / (1 - beta1**t))"
ROOT = "s.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)"
VELOCITY = "v.mul_(momentum).add_(g)"
SCALED = "v.mul_(momentum).addcdiv_(g, root)"

WRONG_SIGN = "the step has the wrong sign"
NO_EFFECT = "the step has no effect on w (w -= … changes it in place; w = w − … and w.data = … do not)"
NOTHING_KEPT = "nothing is kept from step to step (v.mul_(…) changes v, v = … does not)"
NO_MOMENTUM = "μ has no effect, or v is not kept from step to step (v.mul_(…) changes v, v = … does not)"
WITHOUT_EFFECT = (ADAM_STEP, "w = w - lr * m / root / (1 - beta1**t)")
DECOUPLED = ("g = g.add(w, alpha=weight_decay)", "w.mul_(1 - lr * weight_decay)")

# A mistake's name, the file that is changed, and how.
MADE = [
    (WRONG_SIGN, "sgd", (SGD_STEP, "w.add_(g, alpha=lr)")),
    (WRONG_SIGN, "adam", ("value=-lr", "value=lr")),
    (NO_EFFECT, "sgd", (SGD_STEP, "w = w - lr * g")),
    (NO_EFFECT, "sgd", (SGD_STEP, "w.data = w - lr * g")),
    (NO_EFFECT, "adam", WITHOUT_EFFECT),
    (NO_MOMENTUM, "sgd", (VELOCITY, "v = v.mul(momentum).add(g)"), ("g.add(v, alpha=momentum)", "g")),
    (NOTHING_KEPT, "sgd", (VELOCITY, "v = v.mul(momentum).add(g)")),
    (NOTHING_KEPT, "adam", ("m.lerp_(", "m = m.lerp("), ("s.mul_(beta2).addcmul_(", "s = s.mul(beta2).addcmul(")),
    ("(1 − μ) g in place of g, with v = 0 at first", "sgd", (".add_(g)", ".add_(g, alpha=1 - momentum)")),
    (
        "(1 − μ) g in place of g, with v = g at first",
        "sgd",
        ("sgd(w, g, v", "sgd(w, g, t, v"),
        (VELOCITY, "v.lerp_(g, 1 - momentum if t > 1 else 1)"),
    ),
    ("(1 − μ) v + μ g in place of μ v + g", "sgd", (VELOCITY, "v.mul_(1 - momentum).add_(g, alpha=momentum)")),
    ("(1 − μ) v + μ g in place of μ v + g", "sgd", ("if momentum:", "if True:"), (VELOCITY, "v.lerp_(g, momentum)")),
    ("μ (v + g) in place of μ v + g", "sgd", (VELOCITY, "v.add_(g).mul_(momentum)")),
    ("μ (v + g) in place of μ v + g", "sgd", ("if momentum:", "if True:"), (VELOCITY, "v.add_(g).mul_(momentum)")),
    ("μ (v + g) in place of μ v + g", "rmsprop", (SCALED, "v.addcdiv_(g, root).mul_(momentum)")),
    (
        "the step uses the old velocity",
        "sgd",
        (VELOCITY, f"old = v.clone()\n        {VELOCITY}"),
        ("else v", "else old"),
    ),
    (
        "the step uses the old velocity",
        "sgd",
        ("if momentum:", "if True:"),
        (VELOCITY, f"old = v.clone()\n        {VELOCITY}"),
        ("else v", "else old"),
    ),
    ("Nesterov's step is w − α g + α μ v", "sgd", ("g.add(v, alpha=momentum)", "g.sub(v, alpha=momentum)")),
    ("1 − a is missing before g²", "rmsprop", (", value=1 - alpha", "")),
    (
        "s is g² at the first step",
        "rmsprop",
        ("rmsprop(w, g, s", "rmsprop(w, g, t, s"),
        ("s.mul_(alpha).addcmul_(g, g, value=1 - alpha)", "s.lerp_(g * g, 1 - alpha if t > 1 else 1)"),
    ),
    (
        "s is g² at the first step",
        "adam",
        ("s.mul_(beta2).addcmul_(g, g, value=1 - beta2)", "s.lerp_(g * g, 1 - beta2 if t > 1 else 1)"),
    ),
    ("the bias correction lacks the power t", "adam", ("beta1**t", "beta1"), ("beta2**t", "beta2")),
    ("the bias correction starts at t = 2", "adam", ("    beta1, beta2 =", "    t += 1\n    beta1, beta2 =")),
    (
        "the bias correction changes m and s, so it accumulates",
        "adam",
        (
            "root = s.sqrt().div_((1 - beta2**t) ** 0.5)",
            "m /= 1 - beta1**t\n    s /= 1 - beta2**t\n    root = s.sqrt()",
        ),
        ("-lr / (1 - beta1**t)", "-lr"),
    ),
    (
        "Nesterov's step is w − (1 + μ) α g − μ² v, with the new v",
        "sgd",
        ("g.add(v, alpha=momentum)", "g.mul(1 + momentum).add(v, alpha=momentum**2)"),
    ),
    (
        "Nesterov's step is w − (1 + μ) α g − μ² v, with the new v",
        "sgd",
        ("    if momentum:", "    g = lr * g\n    if momentum:"),
        (SGD_STEP, "w.sub_(g)"),
        ("g.add(v, alpha=momentum)", "g.mul(1 + momentum).add(v, alpha=momentum**2)"),
    ),
    ("λ is ignored (weight_decay)", "sgd", ("if weight_decay:", "if False:")),
    ("λ is ignored (weight_decay)", "adamw", ("    w.mul_(1 - lr * weight_decay)\n", "")),
    ("2 λ in place of λ (weight_decay)", "sgd", ("alpha=weight_decay", "alpha=2 * weight_decay")),
    ("-1 λ in place of λ (weight_decay)", "sgd", ("alpha=weight_decay", "alpha=-weight_decay")),
    ("1.01 α in place of α (lr)", "sgd", ("alpha=-lr", "alpha=-1.01 * lr")),
    ("α is always 0.1 (lr)", "sgd", ("alpha=-lr", "alpha=-0.1")),
    (
        "μ² in place of μ (momentum)",
        "sgd",
        (VELOCITY, "v.mul_(momentum**2).add_(g)"),
        ("alpha=momentum", "alpha=momentum**2"),
    ),
    ("β1 is always 0.9 (the first beta)", "adam", ("beta1, beta2 = betas", "beta1, beta2 = 0.9, betas[1]")),
    ("100 ε in place of ε (eps)", "adam", ("add_(eps)", "add_(100 * eps)")),
    (
        "v is g before the first step",
        "sgd",
        ("sgd(w, g, v", "sgd(w, g, t, v"),
        (VELOCITY, "v.mul_(momentum).add_(g, alpha=1 if t > 1 else 1 + momentum)"),
    ),
    (
        "α and 1 − μ inside the velocity",
        "sgd",
        ("    if momentum:", "    g = lr * g\n    if momentum:"),
        (SGD_STEP, "w.sub_(g)"),
        (".add_(g)", ".add_(g, alpha=1 - momentum)"),
    ),
    ("α inside the velocity", "sgd", ("    if momentum:", "    g = lr * g\n    if momentum:"), (SGD_STEP, "w.sub_(g)")),
    ("α inside the velocity", "rmsprop", (SCALED, f"{SCALED[:-1]}, value=lr)"), ("w.add_(v, alpha=-lr)", "w.sub_(v)")),
    ("α inside the velocity, and outside", "sgd", (".add_(g)", ".add_(g, alpha=lr)")),
    ("α twice", "sgd", ("alpha=-lr", "alpha=-lr * lr")),
    (
        "nesterov has no effect, or looks at the old velocity",
        "sgd",
        (VELOCITY, f"old = v.clone()\n        {VELOCITY}"),
        ("g.add(v, alpha=momentum)", "g.add(old, alpha=momentum)"),
    ),
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


def assert_named(mistake: str, rows: pd.DataFrame) -> None:
    """Some rows are different, and all of them name this mistake."""
    (named,) = set(rows.loc[rows["verdict"] == "different", "mistake"])
    assert re.match(rf"{re.escape(mistake)}($|: )", named)
    assert (rows.loc[rows["verdict"] == "equal", "mistake"] == "").all()


@pytest.mark.parametrize(("mistake", "name", "texts"), CHANGED, ids=[f"{name}: {its}" for its, name, _ in CHANGED])
def test_a_mistake_of_the_table_is_found_and_named(mistake, name, texts, check_with):
    assert_named(mistake, check_with(name, **texts))


def test_each_mistake_of_the_table_is_made_here():
    assert {mistake for mistake, _ in MISTAKES} <= {mistake for mistake, *_ in CHANGED}


UNKNOWN = [
    ("sgd", ("    if weight_decay:", "    g = g.clamp(-5, 5)\n    if weight_decay:")),
    ("adam", ("    beta1, beta2 =", "    g = g * min(1, 10 / float(g.norm() + 1e-12))\n    beta1, beta2 =")),
    ("sgd", (VELOCITY, "v.mul_(momentum**2).add_(g)")),
    ("sgd", ("g.add(v, alpha=momentum)", "v.mul(momentum)")),
    ("adagrad", ("addcmul_(g, g)", "addcmul_(g, g, value=0.5)")),
    ("adagrad", ("s.sqrt().add_(eps)", "s.add(eps)")),
    ("rmsprop", ("value=1 - alpha", "value=alpha")),
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


def test_another_default_hides_no_mistake_and_is_none_but_in_a_training(tmp_path):
    with optimizers_in(tmp_path / "optimizers") as folder:
        (folder / "sgd.py").write_text(edited("sgd", ("momentum=0.0", "momentum=0.9")))
        judged = check("sgd", find("sgd"), [{"lr": 0.02}])
    *rows, training = judged.rows
    assert {row["verdict"] for row in rows} == {"equal"} and set(judged.parts.values()) == {True}
    assert judged.remarks == ["its default momentum is 0.9, PyTorch's 0"]
    assert training["mistake"] == "another default: momentum is 0.9, in PyTorch 0"


def test_what_starts_late_is_found(check_with):
    late = ("    if weight_decay:", "    if t > 200:\n        lr = lr / 10\n    if weight_decay:")
    rows = check_with("sgd", sgd=edited("sgd", ("sgd(w, g, v", "sgd(w, g, t, v"), late))
    assert set(rows["verdict"].iloc[[0, -1]]) == {"different"} and set(rows["first_step"].iloc[[0, -1]]) <= {201, 202}


def test_a_rule_that_raises_is_different_and_its_line_is_shown(check_with):
    rows = check_with("adagrad", adagrad=edited("adagrad", ("s.sqrt()", "s.squareroot()")))
    assert (rows["verdict"] == "different").all()
    pattern = (
        r"AttributeError: .*'squareroot'.* \(optimizers/adagrad\.py, line 11: w\.addcdiv_\(g, s\.squareroot\(\).*\)"
    )
    assert rows["mistake"].str.fullmatch(pattern).all()


def test_single_precision_is_no_mistake_and_is_said(check_with):
    rows = check_with("adagrad", adagrad=edited("adagrad", ("s.sqrt().add_", "s.sqrt().float().double().add_")))
    assert set(rows["verdict"]) == {"equal to single precision"}
    assert set(rows["mistake"]) == {"does it keep a number in single precision?"}


def test_the_parts_that_are_right_are_told_from_the_wrong_ones(tmp_path):
    with optimizers_in(tmp_path / "optimizers") as folder:
        (folder / "sgd.py").write_text(edited("sgd", ("g.add(v, alpha=momentum)", "g.add(v)")))
        rule = find("sgd")
        found = check("sgd", rule).parts
    assert found == {"plain": True, "momentum": True, "weight_decay": True, "nesterov": False, "together": False}


def test_a_rule_that_raises_in_one_part_is_right_in_the_others(tmp_path):
    with optimizers_in(tmp_path / "optimizers") as folder:
        (folder / "sgd.py").write_text(edited("sgd", ("g.add(v, alpha=momentum)", "g.plus(v)")))
        rule = find("sgd")
        judged = check("sgd", rule)
    assert judged.parts == {"plain": True, "momentum": True, "weight_decay": True, "nesterov": False, "together": False}
    assert {row["mistake"].partition(":")[0] for row in judged.rows} == {"", "AttributeError"}


HIDDEN = "it keeps something outside of its state, so a second training differs from the first"


@pytest.mark.parametrize("key", ["id(w)", "w.shape", "0"])
def test_state_that_is_kept_elsewhere_is_named_although_there_is_a_class(key, check_with):
    rule = f"""V = {{}}\n\n\ndef sgd(w, g, *, lr, momentum=0.0):
    v = V.setdefault({key}, w.new_zeros(w.shape))
    v.mul_(momentum).add_(g)
    w.sub_(lr * v)\n"""
    for _ in range(2):
        rows = check_with("sgd", sgd=rule).set_index("setting")
        found = rows.loc["lr 0.1, momentum 0.9"]
        assert found["verdict"] == "different"
        assert found["mistake"] == HIDDEN or (key == "0" and "RuntimeError" in found["mistake"])


def test_a_class_that_refuses_or_lacks_a_setting_does_not_speak_against_the_rule(check_with):
    rows = check_with("muon", muon="def muon(w, g, *, lr, momentum=0.5):\n    w.sub_(g, alpha=lr * momentum)\n")
    assert set(rows["torch"]) == {""} and set(rows["verdict"]) == {"equal"}, "Muon refuses tensors with three axes"
    more = edited("sgd", ("nesterov=False", "nesterov=False, clip=7.0"))
    rows = check_with("sgd", sgd=more)
    assert rows["setting"].tolist() == verdicts("sgd")["setting"].tolist(), "torch.optim.SGD has no clip"
    rows = check_with("sgd", sgd=edited("sgd", ("nesterov=False", "nesterov=False, **rest")))
    assert set(rows["verdict"]) == {"equal"}


OWN = {
    "w.sub_(g.sign(), alpha=lr * scale)": None,
    "w.sub_(g / g.flatten(1).norm(dim=1).view(-1, *[1] * (g.dim() - 1)), alpha=lr * scale)": None,
    "w = w - lr * scale * g.sign()": "it does not change w in place",
    "w.data = w - lr * scale * g.sign()": "it does not change w in place",
    "w.sub_(g / g.abs(), alpha=lr * scale)": "w does not stay finite",
    "w.sub_(g, alpha=lr * scale).flatten()[0] /= 0": "w does not stay finite",
    "COUNT.append(1); w.sub_(g, alpha=lr * scale / len(COUNT))": "it keeps something outside of its state",
    "w.sub_(g / (1 + g.norm()), alpha=lr * scale)": "it updates a network, or a parameter, beside others",
    "w.add_(g, alpha=lr * scale)": "the first step goes up the gradient",
    "v = g.clone().mul_(scale); v.zero_(); w.sub_(g + v, alpha=lr)": "scale has no effect",
}


@pytest.mark.parametrize(("body", "mistake"), OWN.items(), ids=str)
def test_a_rule_without_a_class_is_checked_for_what_can_be(body, mistake, check_with):
    rows = check_with("own", own=f"COUNT = []\n\n\ndef own(w, g, *, lr, scale):\n    {body}\n")
    assert rows["setting"].tolist() == ["lr 0.1, scale 0.5", "lr 0.03, scale 0.25"]
    assert set(rows["torch"]) == {""}
    assert set(rows["verdict"]) == {"different" if mistake else "equal"}
    assert rows["mistake"].str.startswith(mistake or "").all()


@pytest.mark.parametrize("star", ["*, ", ""], ids=["keyword-only", "positional"])
def test_every_hyperparameter_that_is_a_number_has_other_values_than_its_default(star, check_with):
    rule = f"def own(w, g, {star}lr=1.0, rho=0.8, slow=False, k=3, c=0.0):\n    w.sub_(g, alpha=lr)\n"
    rows = check_with("own", own=rule)
    assert rows["setting"].tolist()[-2:] == ["lr 0.1, c 0.5, rho 0.4, slow true", "lr 0.03, c 0.25, rho 0.2, slow true"]
    assert len(rows) == 2**3 + 1


def test_settings_of_ones_own_are_checked_too_each_once():
    own = [{"lr": 0.02, "momentum": 0.9}, {"momentum": 0.9, "lr": 0.02}, {"momentum": 0.9, "lr": 0.1}]
    its = [row["setting"] for row in check("sgd", find("sgd"), own).rows]
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
    command = [sys.executable, "-m", "descent.check.check_optimizers", *words]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(package)}, capture_output=True, text=True)


def test_make_check_fails_if_a_rule_differs_and_says_how(package):
    wrong = run(package, "--all")
    assert wrong.returncode == 1
    assert re.search(r"^sgd +lr 0\.1 +different +1$", wrong.stdout, re.MULTILINE)
    assert wrong.stdout[wrong.stdout.index("✓") :].splitlines()[:4] == [
        "✓ adagrad: equal to torch.optim.Adagrad, in 3 settings",
        "✗ sgd: differs from torch.optim.SGD, in 7 of 7 settings",
        "    the step has the wrong sign: w = w + α d",
        "    ✗ plain  ✗ momentum  ✗ weight_decay  ✗ nesterov  ✗ together (momentum, weight_decay)",
    ]


def test_the_workflows_check_writes_a_table_and_does_not_fail(package, tmp_path):
    more = run(package, "--twins", '{"adagrad": [{"lr": 0.07}]}', "--output", str(tmp_path / "optimizers.csv"))
    assert more.returncode == 0
    rows = pd.read_csv(tmp_path / "optimizers.csv", keep_default_na=False)
    assert list(rows) == ["optimizer", "torch", "setting", "verdict", "first_step", "mistake"]
    assert rows[["optimizer", "verdict"]].value_counts().to_dict() == {("adagrad", "equal"): 4, ("sgd", "different"): 7}
    assert rows["setting"].tolist().count("lr 0.07") == 1


@pytest.mark.slow
def test_make_check_succeeds_if_all_rules_are_right(package):
    (package / "descent/optimizers/sgd.py").unlink()
    fine = run(package)
    assert (fine.returncode, fine.stderr) == (0, "")
