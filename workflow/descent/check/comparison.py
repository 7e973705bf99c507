"""Judge each update rule: beside its class of ``torch.optim``, over the same gradients in float64, and by itself.

A rule that differs from its class is compared with the known mistakes (``mistakes``). A rule without a class is checked
for what every rule must have.
"""

import json
import math
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from descent.check.assignment import OTHER_NAMES, translate
from descent.check.mistakes import Case, Problem, find_mistake
from descent.check.verdicts import COLUMNS, DIFFERENT, EQUAL, NEARLY
from descent.experiment.variants import in_words
from descent.optimizers import Rule
from descent.optimizers._classes import class_defaults, torch_class
from descent.train.optimizer import OptimizerError, from_file, make_optimizer
from descent.words import Row

SHAPES = [(2, 6), (2, 4, 5), (2, 6)]  # parameters of two networks in a stack; two have the same shape
FEW, STEPS, MANY = 10, 50, 500  # steps that show a property, most mistakes, and what starts late
TOLERANCE = 1e-12  # of a difference, relative to the largest entry
MANY_OPTIONAL = 6  # hyperparameters, of which not all combinations are checked
SINGLE = 1e-6  # likewise, if a number is kept in single precision

# Two values of each hyperparameter, at which it matters; for others see `two_values`.
VALUES = {
    "lr": (0.1, 0.03),
    "momentum": (0.9, 0.7),
    "nesterov": (True, True),
    "weight_decay": (0.1, 0.02),
    "alpha": (0.9, 0.6),
    "betas": ([0.8, 0.95], [0.6, 0.9]),
    "eps": (1e-2, 1e-4),
}

FLAGS = {"foreach", "fused", "capturable", "differentiable"}  # of how a class computes, not of what


Hyperparameters = dict[str, Any]
Maker = Callable[[list[Tensor]], Any]  # an optimizer of some parameters


class Judged(NamedTuple):
    """What the check found of a rule: a row with COLUMNS for each setting; cells that do not apply are empty."""

    rows: list[Row]
    parts: dict[str, bool]  # whether each is right; see `parts`
    meet: list[str]  # the fewest hyperparameters that have to meet to be wrong; empty if none do
    remarks: list[str]
    unknown: list[str]  # hyperparameters that were not compared


def check(name: str, rule: Rule, own: Iterable[Hyperparameters] = ()) -> Judged:
    """Judge a rule with many hyperparameters, and with its ``own``, those of trainings.

    All hyperparameters that rule and class have are given, so that defaults do not matter; ``own`` are compared as they
    are. Hyperparameters that the class of ``torch.optim`` refuses are left out.
    """
    its_class, (rule, known, remarks, unknown) = torch_class(name), translate(name, rule)
    required = ["lr", *([] if its_class else rule.required)]
    many = combined(known, required, FLAGS if its_class or rule.is_function else {*known})
    asked = {in_words(its): (known if its_class else {}) | its for its in many} | {in_words(its): its for its in own}
    shows = halves(rule, known) if its_class else True
    long = {in_words(its) for its in [*shortest(many), many[-1], *own]}
    if hidden := hidden_state(rule, {key: 0.0 for key in unknown if key in rule.required} | many[-1], shows):
        found = {words: {"verdict": DIFFERENT, "mistake": hidden} for words in asked}
    else:
        given = {words: changed(name, its) for words, its in asked.items() if its_class}
        walked = {words: walk_class(name, its, words in long, shows) for words, its in given.items()}
        if theirs := {words: its for words, its in walked.items() if its}:
            complete = {in_words(its) for its in many}
            found = min(
                (
                    beside_class(rule, name, asked, theirs, complete, shows, more)
                    for more in unknown_values(rule, unknown)
                ),
                key=lambda rows: sum(row["verdict"] == DIFFERENT for row in rows.values()),
            )
        else:
            its_class, found = None, examine(rule, asked)
    empty = dict.fromkeys(COLUMNS, "") | {"optimizer": name, "torch": its_class.__name__ if its_class else ""}
    rows = [empty | {"setting": words} | row for words, row in found.items()]
    return Judged(rows, *parts(required, many, rows), remarks, unknown)


def unknown_values(rule: Rule, unknown: list[str]) -> list[Hyperparameters]:
    """What to give to hyperparameters that the class has not: their defaults, or 0, whichever makes them the same."""
    zeros = {key: 0.0 for key in unknown if key in rule.required or type(rule.defaults[key]) in (int, float)}
    required = {key: value for key, value in zeros.items() if key in rule.required}
    return [required, zeros] if zeros != required else [required]


def shortest(many: Sequence[Hyperparameters]) -> list[Hyperparameters]:
    """The first of ``many`` with each hyperparameter."""
    found: dict[str, Hyperparameters] = {}
    for its in sorted(many, key=len):
        for name in its:
            found.setdefault(name, its)
    return list(found.values())


def combined(known: Hyperparameters, required: Sequence[str], kept: Collection[str]) -> list[Hyperparameters]:
    """What to check a rule with: all combinations of its hyperparameters, and all at their second values.

    Of more than MANY_OPTIONAL, each alone. Switches that are ``kept`` stay as they are.
    """
    values = {name: two for name, default in known.items() if (two := two_values(name, default))}
    values = {name: two for name, two in values.items() if not (isinstance(known[name], bool) and name in kept)}
    optional = [name for name in values if name not in required]
    most = len(optional) if len(optional) <= MANY_OPTIONAL else 1
    chosen = [set(names) for n in range(most + 1) for names in combinations(optional, n)]
    first = [{name: values[name][0] for name in values if name in names or name not in optional} for names in chosen]
    return [*first, {name: pair[1] for name, pair in values.items()}]


def halves(rule: Rule, known: Hyperparameters) -> bool:
    """Whether an optimizer shows its learning rate, so that it can be halved."""
    try:
        made = from_file(rule, lay_out(SHORT)[1], **known)
    except (OptimizerError, TypeError):
        return True
    try:
        for group in made.param_groups:
            group[rate_of(group)] = group[rate_of(group)]
    except (AttributeError, KeyError):  # it has none, or one that cannot be set
        return False
    return True


def rate_of(group: Any) -> str:
    """What a group calls its learning rate; empty if it has none."""
    return next((name for name in ("lr", *OTHER_NAMES["lr"], "_lr") if isinstance(name, str) and name in group), "")


def two_values(name: str, default: Any) -> tuple[Any, Any] | None:
    """Two values to check a hyperparameter at; None if it keeps its default."""
    if isinstance(default, list) and (name != "betas" or len(default) != 2):
        return None
    if name in VALUES:
        return VALUES[name]
    if isinstance(default, bool):
        return not default, not default
    if isinstance(default, float) and default:
        return default / 2, default / 4
    return (0.5, 0.25) if default == 0 else None


def random_problem(shapes: list[tuple[int, ...]], steps: int, sizes: list[float]) -> Problem:
    """Draw gradients of some sizes; a fifth of them is 0."""
    n, drawn = sum(map(math.prod, shapes)), torch.Generator().manual_seed(0)
    start, gradients = (torch.randn(size, generator=drawn, dtype=torch.float64) for size in ([n], [steps, n]))
    scale = torch.tensor(sizes, dtype=torch.float64).repeat(n)[:n]
    return Problem(shapes, start, gradients * scale * (torch.rand([steps, n], generator=drawn) < 0.8))


PROBLEM = random_problem(SHAPES, STEPS, [1, 1e-2, 1e-8])  # every ε matters
LONG = random_problem(SHAPES[:1], MANY, [1])  # with small gradients, Adam would amplify rounding over so many steps
LARGE = random_problem(SHAPES[:1], FEW, [1e3])  # where a gradient that is clipped shows
PROBLEMS = [PROBLEM, LARGE, LONG]
SHORT = PROBLEM._replace(gradients=PROBLEM.gradients[:FEW])
OTHER = SHORT._replace(start=-SHORT.start, gradients=SHORT.gradients.flip(0))


def lay_out(problem: Problem) -> tuple[Tensor, list[Tensor]]:
    """A flat tensor [n], and the parameters, which are views of it: a rule that puts w elsewhere does not change it."""
    flat = problem.start.clone()
    parts = flat.split([math.prod(shape) for shape in problem.shapes])
    return flat, [part.view(shape).requires_grad_() for part, shape in zip(parts, problem.shapes)]


def walk(make: Maker, problem: Problem, flat: Tensor, parameters: list[Tensor]) -> Iterator[Tensor]:
    """Yield all parameters [n] before the first step and after each; the steps are those of a training."""
    optimizer = make(parameters)
    flat.copy_(problem.start)
    yield problem.start
    gradients = problem.gradients.split([w.numel() for w in parameters], 1)
    for t in range(len(problem.gradients)):
        if t + 1 == problem.halfway:
            for group in optimizer.param_groups:
                group[rate_of(group)] /= 2
        optimizer.zero_grad()
        for w, g in zip(parameters, gradients):
            w.grad = g[t].reshape(w.shape).clone()
        optimizer.step()
        yield flat.clone()


def trajectory(make: Maker, problem: Problem) -> Tensor:
    """The parameters before the first step and after each: [steps + 1, n]."""
    return torch.stack(list(walk(make, problem, *lay_out(problem))))


def first_difference(ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> int | None:
    """The first step, from 1, after which two trajectories differ; None if they are equal."""
    scale = theirs.nan_to_num(0, 0, 0).abs().amax(1, keepdim=True)
    near = ((ours - theirs).abs() <= tolerance * scale) | (ours == theirs) | (ours.isnan() & theirs.isnan())
    equal = near.all(1)
    return None if equal.all() else int(equal.int().argmin())


def changed(name: str, hyperparameters: Hyperparameters) -> str:
    """The hyperparameters that are not the defaults of a class, as JSON."""
    usual = class_defaults(name)
    return json.dumps({k: v for k, v in hyperparameters.items() if k not in usual or v != usual[k]}, sort_keys=True)


@cache
def walk_class(name: str, hyperparameters: str, long: bool, halve: bool) -> list[Tensor]:
    """The trajectories of a class over PROBLEM, LARGE and, if ``long``, LONG; empty if it refuses the hyperparameters.

    These are JSON; ``halve`` says whether its learning rate is halved halfway. The class does not change, so it is
    walked once, whoever is compared with it.
    """
    make = partial(make_optimizer, "torch", name, **json.loads(hyperparameters))
    with suppress(TypeError, ValueError, RuntimeError):
        return [trajectory(make, problem._replace(halve=halve)) for problem in PROBLEMS[: 2 + long]]
    return []


def beside_class(
    rule: Rule,
    name: str,
    asked: dict[str, Hyperparameters],
    theirs: dict[str, list[Tensor]],
    complete: set[str],
    halve: bool,
    more: Hyperparameters,
) -> dict[str, Row]:
    """Compare a rule with its class wherever ``theirs`` has its trajectories: verdict, first step and mistake.

    A mistake has to explain the ``complete`` settings, in which all hyperparameters are given. The rule gets ``more``.
    """
    found: dict[str, dict[str, Any]] = {}
    ours: dict[str, list[Tensor]] = {}
    for words in theirs:
        make = partial(from_file, rule, **more | asked[words])
        try:
            ours[words] = []
            for problem, its in zip(PROBLEMS, theirs[words]):
                ours[words].append(trajectory(make, problem._replace(halve=halve)))
                if first_difference(ours[words][-1], its, SINGLE):
                    break  # the longer ones would only say it again
            found[words] = verdict_on(ours[words], theirs[words])
        except OptimizerError as error:
            found[words] = {"verdict": DIFFERENT, "mistake": str(error)}
    unknown = {words: row for words, row in found.items() if row["verdict"] == DIFFERENT and "mistake" not in row}
    if unknown and len(ours) == len(theirs):
        problem = PROBLEM._replace(halve=halve)
        cases = [Case(asked[words], its[0], theirs[words][0]) for words, its in ours.items() if words in complete]
        mistake = find_mistake(name, {key for its in asked.values() for key in its}, cases, problem, first_difference)
        for words, row in unknown.items():
            row["mistake"] = mistake or other_default(rule, name, asked[words], ours[words])
    return found


def other_default(rule: Rule, name: str, given: Hyperparameters, ours: list[Tensor]) -> str:
    """Whether the class does the same once it is given the rule's defaults; empty if not."""
    theirs = walk_class(name, changed(name, rule.defaults | given), len(ours) == len(PROBLEMS), True)
    if not theirs or any(first_difference(*pair) for pair in zip(ours, theirs)):
        return ""
    usual = class_defaults(name)
    others = [key for key in rule.defaults if key not in given and rule.defaults[key] != usual[key]]
    return "another default: " + ", ".join(f"{key} is {rule.defaults[key]}, in PyTorch {usual[key]}" for key in others)


def verdict_on(ours: list[Tensor], theirs: list[Tensor]) -> dict[str, Any]:
    """The verdict on a rule's trajectories, beside those of its class."""
    steps = [first_difference(*pair) for pair in zip(ours, theirs)]
    if not any(steps):
        return {"verdict": EQUAL}
    if not any(first_difference(*pair, SINGLE) for pair in zip(ours, theirs)):
        return {"verdict": NEARLY, "mistake": "does it keep a number in single precision?"}
    return {"verdict": DIFFERENT, "first_step": next(filter(None, steps))}


def examine(rule: Rule, asked: dict[str, Hyperparameters]) -> dict[str, Row]:
    """Check a rule that has no class for what every rule must have."""
    found: dict[str, Row] = {}
    for words, setting in asked.items():
        make = partial(from_file, rule, **setting)
        try:
            mistake = broken_property(rule, make) or (without_effect(rule, setting) if rule.is_function else "")
        except OptimizerError as error:
            mistake = str(error)
        found[words] = {"verdict": DIFFERENT, "mistake": mistake} if mistake else {"verdict": EQUAL}
    return found


def hidden_state(rule: Rule, setting: Hyperparameters, halve: bool) -> str:
    """What is wrong if a training, repeated in the same tensors and beside another, is not the same; else empty."""
    short, other = (problem._replace(halve=halve) for problem in (SHORT, OTHER))
    make, (flat, parameters) = partial(from_file, rule, **setting), lay_out(short)
    states = random_states()
    try:
        first = torch.stack(list(walk(make, short, flat, parameters)))
        both = zip(walk(make, short, flat, parameters), walk(make, other, *lay_out(other)))
        again = torch.stack([walked for walked, _ in both])
    except OptimizerError:  # it is found again, setting by setting
        return ""
    if states != random_states():
        return "it draws random numbers"
    same = first_difference(again, first) is None
    return "" if same else "it keeps something outside of its state, so a second training differs from the first"


def random_states() -> list[str]:
    """The states of the generators that a rule may draw from."""
    return [str(torch.get_rng_state().tolist()), str(random.getstate()), str(np.random.get_state())]


def broken_property(rule: Rule, make: Maker) -> str:
    """What is wrong with a rule by itself; empty if nothing is found."""
    walked = trajectory(make, PROBLEM)
    if torch.equal(walked[0], walked[-1]):
        return "it does not change w in place, as w -= … does (w = w − … and w.data = … do not)"
    if not walked.isfinite().all():
        return f"w does not stay finite, from step {int(walked.isfinite().all(1).int().argmin())} on"
    if (walked[1] - walked[0]) @ PROBLEM.gradients[0] > 0:
        return "the first step goes up the gradient"
    alone = SHORT._replace(shapes=[(1, *shape[1:]) for shape in SHAPES for _ in range(shape[0])])
    if rule.is_function and first_difference(trajectory(make, alone), trajectory(make, SHORT)):
        return "it updates a network, or a parameter, beside others otherwise than alone"
    return ""


def without_effect(rule: Rule, setting: Hyperparameters) -> str:
    """A hyperparameter that changes nothing, whatever its value, if all are given; empty if there is none."""
    values = {name: two_values(name, rule.defaults.get(name, 0)) for name in (*rule.required, *rule.defaults)}
    for name in setting if setting.keys() == {name for name, two in values.items() if two} else ():
        others = [value for value in (*values[name], rule.defaults.get(name)) if value not in (None, setting[name])]  # type: ignore[misc]
        walked = [
            trajectory(partial(from_file, rule, **setting | {name: value}), SHORT) for value in (setting[name], *others)
        ]
        if all(torch.equal(each, walked[0]) for each in walked):
            return f"{name} has no effect"
    return ""


def parts(
    required: Sequence[str], many: Sequence[Hyperparameters], rows: Sequence[Row]
) -> tuple[dict[str, bool], list[str]]:
    """Which part of a rule is right: ``plain``, each hyperparameter where as few others as can be are given, and
    ``together``, all other combinations of ``many``; and which have to meet for the first of these that is wrong.
    """
    right = {row["setting"]: row["verdict"] != DIFFERENT for row in rows}
    minimal: dict[str, frozenset[str]] = {}
    found: dict[str, bool] = {}
    together: list[tuple[bool, frozenset[str]]] = []
    for setting in sorted(many, key=len):
        if (words := in_words(setting)) in right:
            names = frozenset(setting) - {*required}
            minimal = dict.fromkeys(names - minimal.keys(), names) | minimal
            its = [name for name, least in minimal.items() if least == names] if names else ["plain"]
            for part in its:
                found[part] = found.get(part, True) and right[words]
            together += [] if its else [(right[words], names)]
    meet = next((sorted(names) for is_right, names in together if not is_right), [])
    return found | ({"together": not meet} if together else {}), meet
