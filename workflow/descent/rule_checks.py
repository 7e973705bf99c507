"""Compare each update rule with its ``torch.optim`` class, over the same gradients, in float64.

A rule that differs is compared with common mistakes. A mistake is a change of the right formula. It is named only if it
is proved: the rule follows the changed formula to 1e-12 over all steps, and no other mistake's.
"""

import inspect
import math
import traceback
from collections.abc import Callable, Iterator
from functools import partial, reduce
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from descent import optimizers
from descent.settings import in_words

SHAPES = [(3,), (4, 5), (2, 3, 4)]
STEPS = 50
HALFWAY = STEPS // 2 + 1  # lr is halved before this step: a rule with lr inside the velocity differs only then
TOLERANCE = 1e-12  # of a difference, relative to the largest entry of its tensor
COLUMNS = ["optimizer", "setting", "verdict", "first_step", "tensor", "factor", "mistake"]

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

# The right formulas as Python, for a gradient ``grad`` in iteration t = 1, 2, ...; v, m and s are 0 at first.
SYMBOLS = {"lr": "α", "momentum": "μ", "weight_decay": "λ", "alpha": "a", "eps": "ε", "nesterov": "nesterov"}
ADAM = """
    m = β1 * m + (1 - β1) * g
    s = β2 * s + (1 - β2) * g**2
    m̂ = m / (1 - β1**t)
    ŝ = s / (1 - β2**t)
    d = m̂ / (ŝ**0.5 + ε)
    w = w - α * d
"""
FORMULAS = {
    "SGD": """
        g = grad
        g = g + λ * w
        v = μ * v + g
        d = g + μ * v if nesterov else v
        w = w - α * d
    """,
    "Adagrad": """
        g = grad
        s = s + g**2
        d = g / (s**0.5 + ε)
        w = w - α * d
    """,
    "RMSprop": """
        g = grad
        s = a * s + (1 - a) * g**2
        g = g / (s**0.5 + ε)
        v = μ * v + g
        d = v
        w = w - α * d
    """,
    "Adam": "g = grad \n g = g + λ * w" + ADAM,
    "AdamW": "g = grad \n w = w - α * λ * w" + ADAM,
}

# A mistake's name and its changes, which apply to the formulas that have all of the changed parts.
MISTAKES = [
    ("the step has the wrong sign", {"w - α * d": "w + α * d"}),
    ("the step has no effect on w (w -= … changes it, w = w − … does not)", {"w = w - α * d": ""}),
    ("nothing has an effect on w", {"w = w - α * λ * w": "", "w = w - α * d": ""}),
    ("the gradients are added up, not cleared", {"g = grad": "g = total = total + grad"}),
    ("nothing is kept from step to step, or it is not used", {"g = grad": "g = grad; v = m = s = 0; t = 1"}),
    ("(1 − μ) g in place of g, with v = 0 at first", {"v = μ * v + g": "v = μ * v + (1 - μ) * g"}),
    ("(1 − μ) g in place of g, with v = g at first", {"v = μ * v + g": "v = μ * v + (1 - μ) * g if t > 1 else g"}),
    ("α inside the velocity", {"v = μ * v + g": "g = α * g; v = μ * v + g", "w - α * d": "w - d"}),
    ("α inside the velocity, and outside", {"v = μ * v + g": "v = μ * v + α * g if μ else g"}),
    ("α twice", {"w - α * d": "w - α**2 * d"}),
    ("Nesterov's momentum looks at the old velocity", {"g + μ * v if nesterov else v": "v"}),
    ("the weight decay is ignored", {"g = g + λ * w": ""}),
    ("the weight decay is ignored", {"w = w - α * λ * w": ""}),
    ("the weight decay is decoupled", {"g = g + λ * w": "w = w - α * λ * w"}),
    ("the weight decay is coupled", {"w = w - α * λ * w": "g = g + λ * w"}),
    ("the weight decay lacks α", {"w = w - α * λ * w": "w = w - λ * w"}),
    ("β1 and β2 are swapped", {"m = β1 * m": "β1, β2 = β2, β1; m = β1 * m"}),
    ("no bias correction", {"m̂ = m / (1 - β1**t)": "m̂ = m", "ŝ = s / (1 - β2**t)": "ŝ = s"}),
    ("no bias correction of m", {"m̂ = m / (1 - β1**t)": "m̂ = m"}),
    ("no bias correction of s", {"ŝ = s / (1 - β2**t)": "ŝ = s"}),
    ("ε inside the root", {"(s**0.5 + ε)": "(s + ε) ** 0.5"}),
    ("ε inside the root", {"(ŝ**0.5 + ε)": "(ŝ + ε) ** 0.5"}),
    ("ε before the bias correction", {"ŝ**0.5 + ε": "(s**0.5 + ε) / (1 - β2**t) ** 0.5"}),
]


class Problem(NamedTuple):
    """Tensors to optimize, and gradients that do not depend on them; flat, with n entries in all tensors together."""

    shapes: list[tuple[int, ...]]
    start: Tensor  # [n]
    gradients: Tensor  # [steps, n]


def draw() -> Problem:
    """Draw gradients near 1, 1e-2 and 1e-8, where every ε matters; a fifth of them is 0."""
    n, random = sum(map(math.prod, SHAPES)), torch.Generator().manual_seed(0)
    start, gradients = (torch.randn(size, generator=random, dtype=torch.float64) for size in ([n], [STEPS, n]))
    sizes = torch.tensor([1, 1e-2, 1e-8], dtype=torch.float64).repeat(n)[:n]
    return Problem(SHAPES, start, gradients * sizes * (torch.rand([STEPS, n], generator=random) < 0.8))


PROBLEM = draw()
OTHER = Problem(SHAPES, -PROBLEM.start, PROBLEM.gradients.flip(0))

# A function that updates some parameters, and the mapping from which it reads "lr" each time.
Step = tuple[Callable[[], None], dict[str, Any]]
Maker = Callable[[list[Tensor]], Step]


def by_rule(optimizer: str, hyperparameters: dict[str, Any], parameters: list[Tensor]) -> Step:
    """The step of the rule from scratch, as in `train`."""
    setting = dict(hyperparameters)
    return optimizers.make_stacked_step(optimizer, parameters, [setting]), setting


def by_torch(optimizer: str, hyperparameters: dict[str, Any], parameters: list[Tensor]) -> Step:
    """The step of the class of ``torch.optim``."""
    torch_optimizer = optimizers.torch_class(optimizer)(parameters, **hyperparameters)

    def step() -> None:
        torch_optimizer.step()
        torch_optimizer.zero_grad()

    return step, torch_optimizer.param_groups[0]


def walk(make: Maker, problem: Problem) -> Iterator[Tensor]:
    """Yield the parameters [n] before the first step and after each."""
    parameters = [w.clone().requires_grad_() for w in split(problem.start, problem.shapes)]
    step, setting = make(parameters)
    yield problem.start
    for t, gradient in enumerate(problem.gradients, 1):
        if t == HALFWAY and "lr" in setting:
            setting["lr"] /= 2
        for w, g in zip(parameters, split(gradient, problem.shapes)):
            w.grad = g.clone() if w.grad is None else w.grad + g  # as backward() does
        step()
        yield torch.cat([w.detach().flatten() for w in parameters])


def trajectory(make: Maker, problem: Problem) -> Tensor:
    """The parameters before the first step and after each: [steps + 1, n]."""
    return torch.stack(list(walk(make, problem)))


def split(flat: Tensor, shapes: list[tuple[int, ...]]) -> list[Tensor]:
    """Cut the last axis of a flat tensor [..., n] into tensors [..., *shape]."""
    parts = flat.split([math.prod(shape) for shape in shapes], -1)
    return [part.view(*flat.shape[:-1], *shape) for part, shape in zip(parts, shapes)]


def follow(formula: str, hyperparameters: dict[str, Any]) -> Tensor:
    """The trajectory of ``PROBLEM`` by a formula, [steps + 1, n]; ``hyperparameters`` includes all defaults."""
    code = compile("\n".join(lines(formula)), "formula", "exec")
    constants = {symbol: hyperparameters[name] for name, symbol in SYMBOLS.items() if name in hyperparameters}
    constants |= dict(zip(("β1", "β2"), hyperparameters.get("betas", ())))
    names: dict[str, Any] = {"w": PROBLEM.start, "v": 0.0, "m": 0.0, "s": 0.0, "total": 0.0}
    walked = [PROBLEM.start]
    for t, gradient in enumerate(PROBLEM.gradients, 1):
        if t == HALFWAY:
            constants["α"] /= 2
        names |= constants | {"grad": gradient, "t": t}
        exec(code, names)
        walked.append(names["w"])
    return torch.stack(walked)


def lines(formula: str) -> list[str]:
    return [line.strip() for line in formula.splitlines() if line.strip()]


def alike(ours: Tensor, theirs: Tensor) -> Tensor:
    """For each step, whether two trajectories [steps, *shape] of a tensor are equal within TOLERANCE."""
    ours, theirs = ours.flatten(1), theirs.flatten(1)
    scale = theirs.nan_to_num(0, 0, 0).abs().amax(1, keepdim=True)
    near = (ours - theirs).abs() <= TOLERANCE * scale
    return (near | (ours == theirs) | (ours.isnan() & theirs.isnan())).all(1)


def first_difference(ours: Tensor, theirs: Tensor, shapes: list[tuple[int, ...]]) -> dict[str, Any] | None:
    """The first step, from 1, and tensor at which two trajectories differ, and the factor; None if they are equal.

    The factor is our change of w in that step divided by theirs, for the entry that differs most.
    """
    pairs = list(zip(split(ours, shapes), split(theirs, shapes)))
    equal = torch.stack([alike(*pair) for pair in pairs])  # [tensors, steps + 1]
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


def proved_mistake(optimizer: str, hyperparameters: dict[str, Any], ours: Tensor, right: Tensor) -> str:
    """The mistake whose formula a rule follows; empty if there is none, or more than one."""
    torch_class = optimizers.torch_class(optimizer)
    defaults = {name: p.default for name, p in inspect.signature(torch_class).parameters.items()}
    formula = FORMULAS.get(torch_class.__name__, "")
    proved = []
    for name, changes in MISTAKES:
        if any(part not in formula for part in changes):
            continue
        wrong = reduce(lambda text, change: text.replace(*change), changes.items(), formula)
        walked = follow(wrong, defaults | hyperparameters)
        if first_difference(walked, right, SHAPES) and not first_difference(ours, walked, SHAPES):
            changed = "; ".join(line.replace(" * ", " ") for line in lines(wrong) if line not in lines(formula))
            proved.append(f"the rule has this mistake: {name}" + (f": {changed}" if changed else ""))
    return proved[0] if len(proved) == 1 else ""


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
        return found | {"mistake": "it keeps something outside of state: a second run changes the first"}
    networks, *rest = shape = SHAPES[-1]
    n = math.prod(shape)
    stack = Problem([shape], PROBLEM.start[-n:], PROBLEM.gradients[:, -n:])
    apart = stack._replace(shapes=[tuple(rest)] * networks)
    if found := first_difference(trajectory(rule, stack), trajectory(rule, apart), [shape]):
        return found | {"mistake": "it updates a network in a stack otherwise than alone"}
    return None


def check_rule(optimizer: str, hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Compare a rule with its class, or check its properties if it has none: a row with COLUMNS.

    ``verdict`` is ``equal`` or ``different``; cells that do not apply are empty. A rule that raises is different.
    """
    row = dict.fromkeys(COLUMNS, "") | {"optimizer": optimizer, "setting": in_words(hyperparameters)}
    rule, reference = (partial(by, optimizer, hyperparameters) for by in (by_rule, by_torch))
    try:
        if optimizers.OPTIMIZERS[optimizer].torch is None:
            found = broken_property(rule)
        else:
            ours, theirs = trajectory(rule, PROBLEM), trajectory(reference, PROBLEM)
            found = first_difference(ours, theirs, SHAPES)
            if found:
                found["mistake"] = proved_mistake(optimizer, hyperparameters, ours, theirs) or size(ours, theirs)
    except Exception as error:
        found = {"mistake": where(error)}
    return row | {"verdict": "different" if found else "equal"} | (found or {})


def size(ours: Tensor, theirs: Tensor) -> str:
    """What a small difference of two trajectories suggests; empty if it is not small."""
    largest = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    return f"only {largest:.0e} apart: does one keep a number in single precision?" if largest < 1e-6 else ""


def where(error: Exception) -> str:
    """An exception in one line, with the line of optimizers.py that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if frame.filename == optimizers.__file__), frames[-1])
    message = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {message} ({Path(frame.filename).name}, line {frame.lineno}: {frame.line})"


def two_values(name: str, default: Any) -> tuple[Any, Any] | None:
    """Two values to check a hyperparameter at; None if it keeps its default."""
    if name in VALUES:
        return VALUES[name]
    if isinstance(default, bool):
        return not default, not default
    if isinstance(default, float) and default:
        return default / 2, default / 4
    return (0.5, 0.25) if default in (None, 0) else None


def settings(optimizer: str) -> list[dict[str, Any]]:
    """Settings to check a rule with: all combinations of its hyperparameters, and all at their second values."""
    defaults = optimizers.defaults(optimizer)
    values = {name: two for name, default in defaults.items() if (two := two_values(name, default))}
    optional = [name for name in values if name != "lr" and defaults[name] is not None]
    chosen = [set(names) for n in range(len(optional) + 1) for names in combinations(optional, n)]
    allowed = [names for names in chosen if "nesterov" not in names or "momentum" in names]
    first = [{name: values[name][0] for name in values if name in names or name not in optional} for names in allowed]
    return [*first, {name: pair[1] for name, pair in values.items()}]


def check_rules(own: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Check every rule in its ``settings`` and in the ``own`` ones, pairs of optimizer and hyperparameters."""
    rows = []
    for optimizer in optimizers.OPTIMIZERS:
        asked = settings(optimizer) + [hyperparameters for name, hyperparameters in own if name == optimizer]
        rows += [check_rule(optimizer, each) for each in {in_words(each): each for each in asked}.values()]
    return rows
