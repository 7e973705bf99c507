"""What `make check` says of the real rules, and of copies of them with a mistake."""

import re
from functools import partial
from itertools import combinations

import pandas as pd
import pytest
from cases import optimizers_in
from descent.check.assignment import translate
from descent.check.check_optimizers import main
from descent.check.comparison import FLAGS, PROBLEM, Judged, check, combined, first_difference, trajectory
from descent.check.mistakes import FORMULAS, MISTAKES, follow, wrong_formulas
from descent.check.verdicts import in_lines
from descent.optimizers import FOLDER, find, names
from descent.optimizers._classes import class_defaults, torch_class

CLASSES = {name: its for name in names() if (its := torch_class(name))}
SOURCES = {name: (FOLDER / f"{name}.py").read_text(encoding="utf-8") for name in CLASSES}


def edited(name: str, *replacements: tuple[str, str]) -> str:
    """The text of a rule's file with some replacements."""
    text = SOURCES[name]
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def judge(tmp_path):
    """Check a rule that has another text, in all settings and in those of trainings; the others are ours."""

    def judge(name: str, text: str, *own: dict) -> Judged:
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        return check(name, find(name), own)

    with optimizers_in(tmp_path / "optimizers") as folder:
        for name, text in SOURCES.items():
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        yield judge


@pytest.mark.parametrize("name", CLASSES)
def test_every_rule_and_each_of_its_parts_is_equal_to_its_class_in_every_setting(name):
    rows, optional = pd.DataFrame((judged := check(name, find(name))).rows), find(name).defaults.keys() - {"lr"}
    assert (set(rows["torch"]), set(rows["verdict"])) == ({CLASSES[name].__name__}, {"equal"})
    assert (rows[["first_step", "mistake"]] == "").all(axis=None)
    assert judged.parts == dict.fromkeys(["plain", *optional, *["together"] * (len(optional) > 1)], True)


@pytest.mark.parametrize("name", CLASSES)
def test_the_formulas_are_right_and_no_mistake_looks_like_another_or_like_none_in_all_settings(name):
    settings = combined(translate(name, find(name)).known, ["lr"], FLAGS)
    taken = [its for its in settings if "nesterov" not in its or "momentum" in its]
    walked = [("right", [trajectory(partial(CLASSES[name], **its), PROBLEM) for its in taken])]
    for what, formula in [("formula", FORMULAS[name]), *wrong_formulas(FORMULAS[name])]:
        walks = [follow(formula, class_defaults(name) | its, PROBLEM.start, PROBLEM) for its in taken]
        walked.append((what.partition(":")[0], walks))
    pairs = [({a, b}, zip(its, others)) for (a, its), (b, others) in combinations(walked, 2) if a != b]
    alike = [both for both, walks in pairs if not any(first_difference(*each) for each in walks)]
    assert alike == [{"right", "formula"}]


SGD_STEP = "w.add_(g, alpha=-lr)"
ROOT = "s.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)"
VELOCITY = "v.mul_(momentum).add_(g)"
NESTEROV = "g.add(v, alpha=momentum)"
SINGLE = ("s.sqrt().add_", "s.sqrt().float().double().add_")
WITH_T = ("sgd(w, g, v", "sgd(w, g, t, v")
ALWAYS = ("if momentum:", "if True:")
OLD = (VELOCITY, f"old = v.clone()\n        {VELOCITY}")
LR_FIRST = [("    if momentum:", "    g = lr * g\n    if momentum:"), (SGD_STEP, "w.sub_(g)")]
NO_STEP = ("from descent.optimizers.adam import adam", "def adam(*tensors, **hyperparameters):\n    pass")
NO_EFFECT = "the step has no effect on w (w -= … changes it in place; w = w − … and w.data = … do not)"
NO_MOMENTUM = "μ has no effect, or v is not kept from step to step (v.mul_(…) changes v, v = … does not)"
NOTHING_KEPT = "nothing is kept from step to step (v.mul_(…) changes v, v = … does not)"
SECOND_LOOK = "Nesterov's step is w − (1 + μ) α g − μ² v, with the new v"

MADE = [  # a mistake's name, empty if it is not in the table; the file that is changed, and how
    ("the step has the wrong sign", "sgd", (SGD_STEP, "w.add_(g, alpha=lr)")),
    (NO_EFFECT, "sgd", (SGD_STEP, "w.data = w - lr * g")),
    (NO_EFFECT, "adamw", NO_STEP),
    ("nothing has an effect on w", "adamw", NO_STEP, ("w.mul_(", "w = w.mul(")),
    (NO_MOMENTUM, "sgd", (VELOCITY, "v = v.mul(momentum).add(g)"), (NESTEROV, "g")),
    (NOTHING_KEPT, "sgd", (VELOCITY, "v = v.mul(momentum).add(g)")),
    (NOTHING_KEPT, "adam", ("m.lerp_(", "m = m.lerp("), ("s.mul_(beta2).addcmul_(", "s = s.mul(beta2).addcmul(")),
    ("(1 − μ) g in place of g, with v = 0 at first", "sgd", (".add_(g)", ".add_(g, alpha=1 - momentum)")),
    ("(1 − μ) g in place of g, with v = g at first", "sgd", WITH_T, (VELOCITY, "v.lerp_(g, (1 - momentum)**(t > 1))")),
    ("(1 − μ) v + μ g in place of μ v + g", "sgd", (VELOCITY, "v.lerp_(g, momentum)")),
    ("μ (v + g) in place of μ v + g", "sgd", (VELOCITY, "v.add_(g).mul_(momentum)")),
    ("μ (v + g) in place of μ v + g", "sgd", ALWAYS, (VELOCITY, "v.add_(g).mul_(momentum)")),
    ("α inside the velocity, and outside", "sgd", (".add_(g)", ".add_(g, alpha=lr)")),
    ("v is g before the first step", "sgd", WITH_T, (".add_(g)", ".add_(g, alpha=1 if t > 1 else 1 + momentum)")),
    ("α inside the velocity", "sgd", *LR_FIRST),
    ("α and 1 − μ inside the velocity", "sgd", *LR_FIRST, (".add_(g)", ".add_(g, alpha=1 - momentum)")),
    ("the step uses the old velocity", "sgd", OLD, ("else v", "else old")),
    ("the step uses the old velocity", "sgd", ALWAYS, OLD, ("else v", "else old")),
    ("α twice", "sgd", ("alpha=-lr", "alpha=-lr * lr")),
    ("nesterov has no effect, or looks at the old velocity", "sgd", OLD, (NESTEROV, "g.add(old, alpha=momentum)")),
    ("Nesterov's step is w − α g + α μ v", "sgd", (NESTEROV, "g.sub(v, alpha=momentum)")),
    (SECOND_LOOK, "sgd", (NESTEROV, "g.mul(1 + momentum).add(v, alpha=momentum**2)")),
    (SECOND_LOOK, "sgd", *LR_FIRST, (NESTEROV, "g.mul(1 + momentum).add(v, alpha=momentum**2)")),
    ("the weight decay is decoupled", "sgd", ("g = g.add(w, alpha=weight_decay)", "w.mul_(1 - lr * weight_decay)")),
    ("the weight decay is coupled", "adamw", ("w.mul_(1 - lr * weight_decay)", "g = g + weight_decay * w")),
    ("the weight decay lacks α", "adamw", ("1 - lr * weight_decay", "1 - weight_decay")),
    ("1 − a is missing before g²", "rmsprop", (", value=1 - alpha", "")),
    ("s is g² at the first step", "rmsprop", ("rmsprop(w, g, s", "rmsprop(w, g, t, s"),
     ("s.mul_(alpha).addcmul_(g, g, value=1 - alpha)", "s.lerp_(g * g, 1 - alpha if t > 1 else 1)")),
    ("s is g² at the first step", "adam",
     ("s.mul_(beta2).addcmul_(g, g, value=1 - beta2)", "s.lerp_(g * g, 1 - beta2 if t > 1 else 1)")),
    ("β1 and β2 are swapped", "adam", ("beta1, beta2 = betas", "beta2, beta1 = betas")),
    ("no bias correction", "adam", (" / (1 - beta1**t)", ""), (".div_((1 - beta2**t) ** 0.5)", "")),
    ("no bias correction of m", "adam", (" / (1 - beta1**t)", "")),
    ("no bias correction of s", "adam", (".div_((1 - beta2**t) ** 0.5)", "")),
    ("the bias correction lacks the power t", "adam", ("beta1**t", "beta1"), ("beta2**t", "beta2")),
    ("the bias correction starts at t = 2", "adam", ("    beta1, beta2 =", "    t += 1\n    beta1, beta2 =")),
    ("the bias correction changes m and s, so it accumulates", "adam", ("-lr / (1 - beta1**t)", "-lr"),
     (ROOT, "s.div_(1 - beta2**t).sqrt().add_(eps)\n    m /= 1 - beta1**t")),
    ("ε inside the root", "adagrad", ("s.sqrt().add_(eps)", "s.add(eps).sqrt()")),
    ("ε inside the root", "adam", (ROOT, "(s / (1 - beta2**t) + eps).sqrt()")),
    ("ε before the bias correction", "adam", (ROOT, "s.sqrt().add_(eps).div_((1 - beta2**t) ** 0.5)")),
    ("λ is ignored (weight_decay)", "sgd", ("if weight_decay:", "if False:")),
    ("-1 λ in place of λ (weight_decay)", "sgd", ("alpha=weight_decay", "alpha=-weight_decay")),
    ("α is always 0.1 (lr)", "sgd", ("alpha=-lr", "alpha=-0.1")),
    ("μ² in place of μ (momentum)", "sgd", ("mul_(momentum)", "mul_(momentum**2)"), ("=momentum", "=momentum**2")),
    ("β1 is always 0.9 (the first beta)", "adam", ("beta1, beta2 = betas", "beta1, beta2 = 0.9, betas[1]")),
    ("100 ε in place of ε (eps)", "adam", ("add_(eps)", "add_(100 * eps)")),
    ("ε is always 0.001 (eps)", "adam", ("eps=1e-8, ", ""), ("add_(eps)", "add_(1e-3)")),
    ("", "sgd", ("    if weight_decay:", "    g = g.clamp(-5, 5)\n    if weight_decay:")),
    ("", "sgd", (VELOCITY, "v.mul_(momentum**2).add_(g)")),
    ("", "adagrad", ("s.sqrt().add_(eps)", "s.add(eps)")),
    ("", "adam", ("m.lerp_(", "m = m.lerp(")),
    ("", "adamw", ("1 - lr * weight_decay", "1 - lr**2 * weight_decay")),
]  # fmt: skip


@pytest.mark.parametrize("made", MADE, ids=lambda made: f"{made[1]}: {made[0]}")
def test_a_mistake_is_found_and_named_if_it_is_known_wherever_the_rule_is_different(made, judge):
    mistake, name, *changes = made
    rows = pd.DataFrame(judge(name, edited(name, *changes)).rows)
    (named,) = set(rows.loc[rows["verdict"] == "different", "mistake"])
    assert re.match(rf"{re.escape(mistake)}($|: )", named)
    assert (rows.loc[rows["verdict"] == "equal", "mistake"] == "").all()


def test_each_mistake_of_the_table_is_made_here():
    assert {mistake for mistake, _ in MISTAKES} <= {mistake for mistake, *_ in MADE}


OTHERS = ("lr=1e-3", "lr=0.5"), ("momentum=0.0", "momentum=0.9")


def test_another_default_is_no_mistake_but_in_a_training(judge):
    *rows, training = (judged := judge("sgd", edited("sgd", *OTHERS), {"lr": 0.02})).rows
    assert {row["verdict"] for row in rows} == {"equal"} and set(judged.parts.values()) == {True}
    assert judged.remarks == ["its default momentum is 0.9, PyTorch's 0"]
    assert training["mistake"] == "another default: momentum is 0.9, in PyTorch 0"


def test_another_default_hides_no_mistake(judge):
    rows = judge("sgd", edited("sgd", *OTHERS, (SGD_STEP, "w.add_(g, alpha=lr)")), {"lr": 0.02}).rows
    assert {row["mistake"].partition(":")[0] for row in rows} == {"the step has the wrong sign"}


def test_what_starts_late_is_found(judge):
    late = ("    if weight_decay:", "    if t > 200:\n        lr = lr / 10\n    if weight_decay:")
    rows = pd.DataFrame(judge("sgd", edited("sgd", WITH_T, late), {"lr": 0.02}).rows).iloc[[0, -2, -1]]
    assert set(rows["verdict"]) == {"different"} and set(rows["first_step"]) <= {201, 202}


def test_single_precision_is_no_mistake_and_is_said(judge):
    rows = pd.DataFrame(judge("adagrad", edited("adagrad", SINGLE)).rows)
    assert set(rows["verdict"]) == {"equal to single precision"}
    assert set(rows["mistake"]) == {"does it keep a number in single precision?"}


@pytest.mark.parametrize("wrong", ["g.add(v)", "g.plus(v)"])
def test_the_parts_that_are_right_are_told_from_those_that_are_wrong_or_raise(wrong, judge):
    parts = judge("sgd", edited("sgd", (NESTEROV, wrong))).parts
    assert parts == {"plain": True, "momentum": True, "weight_decay": True, "nesterov": False, "together": False}


@pytest.mark.parametrize("kept", ["id(w), 0 * w)", "w.shape, 0 * w)", "w.shape, 0 * w).mul_(t > 1)"])
def test_state_that_is_kept_elsewhere_is_named_although_there_is_a_class(kept, judge):
    rule = f"""V = {{}}\n\n\ndef sgd(w, g, t, *, lr, momentum=0.0):
    v = V.setdefault({kept}\n    v.mul_(momentum).add_(g)\n    w.sub_(lr * v)\n"""
    hidden = "it keeps something outside of its state, so a second training differs from the first"
    assert {row["mistake"] for row in judge("sgd", rule).rows} == {hidden}


def test_a_rule_whose_class_refuses_it_is_checked_for_its_properties(judge):
    judged = judge("muon", "def muon(w, g, *, lr, momentum=0.95):\n    w.sub_(g, alpha=lr * momentum)\n")
    said = "✓ muon: torch.optim.Muon refuses what it would have to compute; its properties are fine, in 3 settings"
    assert in_lines(*judged) == [said]


# Hyperparameters that torch.optim.SGD lacks, and what a right rule may do with them.
MORE = {"clip=7.0": "g = g.clamp(-clip, clip) if clip else g", "scale=1.0": "g = scale * g", "**rest": "pass"}


@pytest.mark.parametrize(("more", "line"), MORE.items(), ids=MORE)
def test_a_hyperparameter_that_the_class_lacks_has_its_default_or_0_whichever_is_right(more, line, judge):
    changes = ("nesterov=False", f"nesterov=False, {more}"), ("    if momentum:", f"    {line}\n    if momentum:")
    judged = judge("sgd", edited("sgd", *changes))
    assert {row["verdict"] for row in judged.rows} == {"equal"} and len(judged.rows) == 7
    assert judged.unknown == re.findall(r"\w+(?==)", more)


OWN = {
    "w.sub_(g / g.flatten(1).norm(dim=1).view(-1, *[1] * (g.dim() - 1)), alpha=lr * scale)": None,
    "w = w - lr * scale * g.sign()": "it does not change w in place",
    "w.sub_(g, alpha=lr * scale).flatten()[0] /= 0": "w does not stay finite",
    "COUNT.append(1); w.sub_(g, alpha=lr * scale / len(COUNT))": "it keeps something outside of its state",
    "w.sub_(g * random.random(), alpha=lr * scale)": "it draws random numbers",
    "w.sub_(g * np.random.rand(), alpha=lr * scale)": "it draws random numbers",
    "w.sub_(g / (1 + g.norm()), alpha=lr * scale)": "it updates a network, or a parameter, beside others",
    "w.add_(g, alpha=lr * scale)": "the first step goes up the gradient",
    "v = g.clone().mul_(scale); v.zero_(); w.sub_(g + v, alpha=lr)": "scale has no effect",
}


@pytest.mark.parametrize(("body", "mistake"), OWN.items(), ids=str)
def test_a_rule_without_a_class_is_checked_for_what_can_be(body, mistake, judge):
    head = "import random\n\nimport numpy as np\n\nCOUNT = []\n\n\n"
    rows = pd.DataFrame(judge("own", f"{head}def own(w, g, *, lr, scale):\n    {body}\n").rows)
    assert rows["setting"].tolist() == ["lr 0.1, scale 0.5", "lr 0.03, scale 0.25"]
    assert (set(rows["torch"]), set(rows["verdict"])) == ({""}, {"different" if mistake else "equal"})
    assert rows["mistake"].str.startswith(mistake or "").all()


def test_a_rule_is_checked_with_all_combinations_of_other_values_than_its_defaults_but_not_of_more_than_six(judge):
    rule = "def own(w, g, lr=1.0, rho=0.8, slow=False, k=3, c=0.0):\n    w.sub_(g, alpha=lr)\n"
    settings = [row["setting"] for row in judge("own", rule).rows]
    assert settings[-2:] == ["lr 0.1, c 0.5, rho 0.4, slow true", "lr 0.03, c 0.25, rho 0.2, slow true"]
    assert len(settings) == 2**3 + 1
    assert len(combined(dict.fromkeys(["lr", *"abcdefg"], 1.0), ["lr"], FLAGS)) == 1 + 7 + 1


def test_the_switches_of_a_class_of_ones_own_stay_as_they_are(judge):
    own = "import torch\nclass Own(torch.optim.SGD):\n    def __init__(self, params, lr=1.0, maximize=False):\n"
    rows = judge("own", f"{own}        super().__init__(params, lr, maximize=maximize)\n").rows
    assert [(row["setting"], row["verdict"]) for row in rows] == [("lr 0.1", "equal"), ("lr 0.03", "equal")]


def test_settings_of_ones_own_are_checked_too_each_once():
    own = [{"lr": 0.02, "momentum": 0.9}, {"momentum": 0.9, "lr": 0.02}, {"momentum": 0.9, "lr": 0.1}]
    usual, more = ([row["setting"] for row in check("sgd", find("sgd"), its).rows] for its in ([], own))
    assert more == [*usual, "lr 0.02, momentum 0.9"]


def test_make_check_fails_if_a_rule_differs_and_says_how_and_the_workflows_writes_a_table(judge, tmp_path, capsys):
    for name in CLASSES.keys() - {"adagrad"}:
        (tmp_path / f"optimizers/{name}.py").unlink()
    judge("adagrad", edited("adagrad", SINGLE))
    main()
    judge("sgd", edited("sgd", (SGD_STEP, "w.add_(g, alpha=lr)")))
    with pytest.raises(SystemExit, match=r"^1$"):
        main(all=True)
    adagrad, said = capsys.readouterr().out.split("\n", 1)
    assert adagrad == "✓ adagrad: equal to torch.optim.Adagrad to single precision, in 3 settings"
    assert re.search(r"^sgd +lr 0\.1 +different +1$", said, re.MULTILINE)
    assert said[said.index("✓") :].splitlines()[:4] == [
        adagrad,
        "✗ sgd: differs from torch.optim.SGD, in 7 of 7 settings",
        "    the step has the wrong sign: w = w + α d",
        "    ✗ plain  ✗ momentum  ✗ weight_decay  ✗ nesterov  ✗ together (momentum, weight_decay)",
    ]
    main(output=tmp_path / "optimizers.csv", twins={"adagrad": [{"lr": 0.07}]})
    rows = pd.read_csv(tmp_path / "optimizers.csv", keep_default_na=False)
    assert list(rows) == ["optimizer", "torch", "setting", "verdict", "first_step", "mistake"]
    assert rows["verdict"].tolist() == ["equal to single precision"] * 4 + ["different"] * 7
    assert (rows["optimizer"].tolist(), rows["setting"][3]) == (["adagrad"] * 4 + ["sgd"] * 7, "lr 0.07")
