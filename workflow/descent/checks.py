"""Compare each update rule with its ``torch.optim`` class, over the same gradients, in float64.

A rule that differs is compared with the known mistakes (``mistakes``). A rule without a class is checked for what every
rule must have.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import torch
from torch import Tensor

from descent import mistakes
from descent.classes import torch_class
from descent.implementations import FromScratch
from descent.optimizers import Rule, find, names, place, where
from descent.variants import in_words

SHAPES = [(3,), (4, 5), (2, 3, 4)]
STEPS, MANY = 50, 500  # of a short walk, which shows most mistakes, and of a long one, for what starts late
TOLERANCE = 1e-12  # of a difference, relative to the largest entry of its tensor
COLUMNS = ["optimizer", "torch", "setting", "verdict", "first_step", "tensor", "factor", "mistake"]

# Two values of each hyperparameter, at which it matters; for others see `two_values`.
VALUES = {
    "lr": (0.1, 0.03),
    "momentum": (0.9, 0.5),
    "nesterov": (True, True),
    "weight_decay": (0.1, 0.02),
    "alpha": (0.9, 0.6),
    "betas": ([0.8, 0.95], [0.6, 0.9]),
    "eps": (1e-2, 1e-4),
}


def check_optimizers(own: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Check every rule in its ``settings`` and in the ``own`` ones of each optimizer."""
    rows = []
    for name in names():
        rule = find(name)
        asked = settings(rule.defaults) + own.get(name, [])
        rows += [check(name, rule, each) for each in {in_words(each): each for each in asked}.values()]
    return rows


def check(name: str, rule: Rule, hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Compare a rule with the class of ``torch.optim`` of its name, if there is one: a row with COLUMNS.

    ``verdict`` is ``equal`` or ``different``; cells that do not apply are empty. A rule that raises is different.
    """
    its_class = torch_class(name)
    row = dict.fromkeys(COLUMNS, "") | {"optimizer": name, "torch": its_class.__name__ if its_class else ""}
    ours = partial(FromScratch, rule, **hyperparameters)
    try:
        found = difference(ours, its_class, hyperparameters) if its_class else broken_property(ours)
    except Exception as error:  # whatever a rule may raise
        frame, message = where(error), next(iter(str(error).splitlines()), "")
        line = f"{place(frame.filename, frame.lineno)}: {frame.line}"
        found = {"mistake": f"{type(error).__name__}: {message} ({line})"}
    return row | {"setting": in_words(hyperparameters), "verdict": "different" if found else "equal"} | (found or {})


def settings(defaults: dict[str, Any]) -> list[dict[str, Any]]:
    """Settings to check a rule with: all combinations of its hyperparameters, and all at their second values."""
    values = {name: two for name, default in defaults.items() if (two := two_values(name, default))}
    optional = [name for name in values if name != "lr" and defaults[name] is not None]
    chosen = [set(names) for n in range(len(optional) + 1) for names in combinations(optional, n)]
    allowed = [names for names in chosen if "nesterov" not in names or "momentum" in names]
    first = [{name: values[name][0] for name in values if name in names or name not in optional} for names in allowed]
    return [*first, {name: pair[1] for name, pair in values.items()}]


def two_values(name: str, default: Any) -> tuple[Any, Any] | None:
    """Two values to check a hyperparameter at; None if it keeps its default."""
    if name in VALUES:
        return VALUES[name]
    if isinstance(default, bool):
        return not default, not default
    if isinstance(default, float) and default:
        return default / 2, default / 4
    return (0.5, 0.25) if default in (None, 0) else None


class Problem(NamedTuple):
    """Tensors to optimize, and gradients that do not depend on them; flat, with n entries in all tensors together."""

    shapes: list[tuple[int, ...]]
    start: Tensor  # [n]
    gradients: Tensor  # [steps, n]

    @property
    def halfway(self) -> int:
        """The step before which lr is halved: a rule with lr inside the velocity differs only then."""
        return len(self.gradients) // 2 + 1


def draw(steps: int, sizes: list[float]) -> Problem:
    """Draw gradients of some sizes; a fifth of them is 0."""
    n, random = sum(map(math.prod, SHAPES)), torch.Generator().manual_seed(0)
    start, gradients = (torch.randn(size, generator=random, dtype=torch.float64) for size in ([n], [steps, n]))
    scale = torch.tensor(sizes, dtype=torch.float64).repeat(n)[:n]
    return Problem(SHAPES, start, gradients * scale * (torch.rand([steps, n], generator=random) < 0.8))


PROBLEM = draw(STEPS, [1, 1e-2, 1e-8])  # every ε matters
LONG_PROBLEM = draw(MANY, [1])  # with small gradients, Adam would amplify rounding over so many steps
OTHER = Problem(SHAPES, -PROBLEM.start, PROBLEM.gradients.flip(0))
Maker = Callable[[list[Tensor]], Any]  # an optimizer of some parameters


def walk(make: Maker, problem: Problem) -> Iterator[Tensor]:
    """Yield the parameters [n] before the first step and after each; the steps are those of a training."""
    parameters = [w.clone().requires_grad_() for w in split(problem.start, problem.shapes)]
    optimizer = make(parameters)
    yield problem.start
    for t, gradient in enumerate(problem.gradients, 1):
        if t == problem.halfway:
            optimizer.param_groups[0]["lr"] /= 2
        optimizer.zero_grad()
        for w, g in zip(parameters, split(gradient, problem.shapes)):
            w.grad = g.clone() if w.grad is None else w.grad + g  # as backward() does
        optimizer.step()
        yield torch.cat([w.detach().flatten() for w in parameters])


def trajectory(make: Maker, problem: Problem) -> Tensor:
    """The parameters before the first step and after each: [steps + 1, n]."""
    return torch.stack(list(walk(make, problem)))


def split(flat: Tensor, shapes: list[tuple[int, ...]]) -> list[Tensor]:
    """Cut the last axis of a flat tensor [..., n] into tensors [..., *shape]."""
    parts = flat.split([math.prod(shape) for shape in shapes], -1)
    return [part.view(*flat.shape[:-1], *shape) for part, shape in zip(parts, shapes)]


def near(ours: Tensor, theirs: Tensor) -> Tensor:
    """For each step, whether two trajectories [steps, *shape] of a tensor are equal within TOLERANCE."""
    ours, theirs = ours.flatten(1), theirs.flatten(1)
    scale = theirs.nan_to_num(0, 0, 0).abs().amax(1, keepdim=True)
    within = (ours - theirs).abs() <= TOLERANCE * scale
    return (within | (ours == theirs) | (ours.isnan() & theirs.isnan())).all(1)


def first_difference(ours: Tensor, theirs: Tensor, shapes: list[tuple[int, ...]]) -> dict[str, Any] | None:
    """The first step, from 1, and tensor at which two trajectories differ, and the factor; None if they are equal.

    The factor is our change of w in that step divided by theirs, for the entry that differs most.
    """
    pairs = list(zip(split(ours, shapes), split(theirs, shapes)))
    equal = torch.stack([near(*pair) for pair in pairs])  # [tensors, steps + 1]
    if equal.all():
        return None
    step = int(equal.all(0).int().argmin())
    which = int(equal[:, step].int().argmin())
    one, two = (walked.flatten(1) for walked in pairs[which])
    entry = (one[step] - two[step]).abs().nan_to_num(math.inf).argmax()
    factor = ((one[step] - one[step - 1])[entry] / (two[step] - two[step - 1])[entry]).item() + 0.0  # -0 becomes 0
    return {
        "first_step": step,
        "tensor": str(list(shapes[which])),
        "factor": f"{factor:.6g}" if math.isfinite(factor) else "",
    }


def difference(rule: Maker, its_class: type, hyperparameters: dict[str, Any]) -> dict[str, Any] | None:
    """Where a rule first differs from its class, and why, if that can be said; None if they are equal."""
    for problem in (PROBLEM, LONG_PROBLEM):
        ours, theirs = trajectory(rule, problem), trajectory(partial(its_class, **hyperparameters), problem)
        if found := first_difference(ours, theirs, SHAPES):
            mistake = proved_mistake(its_class, hyperparameters, problem, ours, theirs)
            return found | {"mistake": mistake or hint(ours, theirs)}
    return None


def proved_mistake(
    its_class: type, hyperparameters: dict[str, Any], problem: Problem, ours: Tensor, right: Tensor
) -> str:
    """The mistake whose formula a rule follows; empty if there is none, or more than one."""
    defaults = {name: p.default for name, p in inspect.signature(its_class).parameters.items()}
    proved = []
    for name, wrong in mistakes.wrong_formulas(mistakes.FORMULAS.get(its_class.__name__, "")):
        walked = mistakes.follow(wrong, defaults | hyperparameters, problem.start, problem.gradients, problem.halfway)
        if first_difference(walked, right, SHAPES) and not first_difference(ours, walked, SHAPES):
            proved.append(f"the rule has this mistake: {name}")
    return proved[0] if len(proved) == 1 else ""


def hint(ours: Tensor, theirs: Tensor) -> str:
    """What a small difference of two trajectories suggests; empty if it is not small."""
    largest = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    return f"only {largest:.0e} apart: does one keep a number in single precision?" if largest < 1e-6 else ""


def broken_property(rule: Maker) -> dict[str, Any] | None:
    """What is wrong with a rule that has no class to compare with; None if nothing is found."""
    alone = trajectory(rule, PROBLEM)
    if torch.equal(alone[0], alone[-1]):
        return {"mistake": "it does not change w in place, as w -= … does"}
    finite = alone.isfinite().all(1)
    if not finite.all():
        return {"first_step": int(finite.int().argmin()), "mistake": "w does not stay finite"}
    beside = torch.stack([walked for walked, _ in zip(walk(rule, PROBLEM), walk(rule, OTHER))])
    if found := first_difference(beside, alone, SHAPES):
        return found | {"mistake": "it keeps something outside of its state: a second run changes the first"}
    networks, *rest = shape = SHAPES[-1]
    n = math.prod(shape)
    stack = Problem([shape], PROBLEM.start[-n:], PROBLEM.gradients[:, -n:])
    apart = stack._replace(shapes=[tuple(rest)] * networks)
    if found := first_difference(trajectory(rule, stack), trajectory(rule, apart), [shape]):
        return found | {"mistake": "it updates a network in a stack otherwise than alone"}
    return None
