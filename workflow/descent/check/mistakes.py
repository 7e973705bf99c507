"""The right formulas of the optimizers, and the known mistakes, each as a change of a formula.

A mistake is named only if it is proved: the rule follows the changed formula to 1e-12, over all steps and in every
setting, also in those in which it is right.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor

from descent.optimizers._classes import class_defaults

# The right formulas as Python, for a gradient ``grad`` in iteration t = 1, 2, ...; v, m and s are 0 at first.
SYMBOLS = {"lr": "α", "momentum": "μ", "weight_decay": "λ", "alpha": "a", "eps": "ε", "nesterov": "nesterov"}
NAMES = {symbol: name for name, symbol in SYMBOLS.items()} | {"β1": "the first beta", "β2": "the second beta"}
ADAM = """
    m = β1 * m + (1 - β1) * g
    s = β2 * s + (1 - β2) * g**2
    m̂ = m / (1 - β1**t)
    ŝ = s / (1 - β2**t)
    d = m̂ / (ŝ**0.5 + ε)
    w = w - α * d
"""
FORMULAS = {
    "sgd": """
        g = grad
        g = g + λ * w
        v = μ * v + g
        d = g + μ * v if nesterov else v
        w = w - α * d
    """,
    "adagrad": """
        g = grad
        s = s + g**2
        d = g / (s**0.5 + ε)
        w = w - α * d
    """,
    "rmsprop": """
        g = grad
        s = a * s + (1 - a) * g**2
        g = g / (s**0.5 + ε)
        v = μ * v + g
        d = v
        w = w - α * d
    """,
    "adam": "g = grad \n g = g + λ * w" + ADAM,
    "adamw": "g = grad \n w = w - α * λ * w" + ADAM,
}

# Mistakes of the velocity: what v becomes, always, or only if there is a momentum.
VELOCITIES = {
    "(1 − μ) g in place of g, with v = 0 at first": "μ * v + (1 - μ) * g",
    "(1 − μ) g in place of g, with v = g at first": "(μ * v + (1 - μ) * g if t > 1 else g)",
    "(1 − μ) v + μ g in place of μ v + g": "(1 - μ) * v + μ * g",
    "μ (v + g) in place of μ v + g": "μ * (v + g)",
    "α inside the velocity, and outside": "μ * v + α * g",
    "v is g before the first step": "(μ * v + g if t > 1 else μ * g + g)",
}

# A mistake's name and its changes, which apply to the formulas that have all of the changed parts.
MISTAKES = [
    ("the step has the wrong sign", {"w - α * d": "w + α * d"}),
    (
        "the step has no effect on w (w -= … changes it in place; w = w − … and w.data = … do not)",
        {"w = w - α * d": ""},
    ),
    ("nothing has an effect on w", {"w = w - α * λ * w": "", "w = w - α * d": ""}),
    (
        "μ has no effect, or v is not kept from step to step (v.mul_(…) changes v, v = … does not)",
        {"v = μ * v + g": "v = g", "g + μ * v if nesterov else v": "g"},
    ),
    (
        "nothing is kept from step to step (v.mul_(…) changes v, v = … does not)",
        {"g = grad": "g = grad; v = m = s = 0"},
    ),
    *((name, {"v = μ * v + g": f"v = {its}"}) for name, its in VELOCITIES.items()),
    *((name, {"v = μ * v + g": f"v = {its} if μ else g"}) for name, its in VELOCITIES.items()),
    ("α inside the velocity", {"v = μ * v + g": "g = α * g; v = μ * v + g", "w - α * d": "w - d"}),
    (
        "α and 1 − μ inside the velocity",
        {"v = μ * v + g": "v = μ * v + (1 - μ) * α * g", "g + μ * v if": "α * g + μ * v if", "w - α * d": "w - d"},
    ),
    ("the step uses the old velocity", {"v = μ * v + g": "old = v; v = μ * v + g", "else v": "else old"}),
    ("the step uses the old velocity", {"v = μ * v + g": "old = v if μ else g; v = μ * v + g", "else v": "else old"}),
    ("α twice", {"w - α * d": "w - α**2 * d"}),
    ("nesterov has no effect, or looks at the old velocity", {"g + μ * v if nesterov else v": "v"}),
    ("Nesterov's step is w − α g + α μ v", {"g + μ * v if": "g - μ * v if"}),
    *(
        (
            "Nesterov's step is w − (1 + μ) α g − μ² v, with the new v",
            {"g + μ * v if": "(1 + μ) * g + μ**2 * v if", **its},
        )
        for its in ({}, {"v = μ * v + g": "g = α * g; v = μ * v + g", "w - α * d": "w - d"})
    ),
    ("the weight decay is decoupled", {"g = g + λ * w": "w = w - α * λ * w"}),
    ("the weight decay is coupled", {"w = w - α * λ * w": "g = g + λ * w"}),
    ("the weight decay lacks α", {"w = w - α * λ * w": "w = w - λ * w"}),
    ("1 − a is missing before g²", {"(1 - a) * g**2": "g**2"}),
    ("s is g² at the first step", {"a * s + (1 - a) * g**2": "a * s + (1 - a) * g**2 if t > 1 else g**2"}),
    ("s is g² at the first step", {"β2 * s + (1 - β2) * g**2": "β2 * s + (1 - β2) * g**2 if t > 1 else g**2"}),
    ("β1 and β2 are swapped", {"m = β1 * m": "β1, β2 = β2, β1; m = β1 * m"}),
    ("no bias correction", {"m̂ = m / (1 - β1**t)": "m̂ = m", "ŝ = s / (1 - β2**t)": "ŝ = s"}),
    ("no bias correction of m", {"m̂ = m / (1 - β1**t)": "m̂ = m"}),
    ("no bias correction of s", {"ŝ = s / (1 - β2**t)": "ŝ = s"}),
    ("the bias correction lacks the power t", {"β1**t": "β1", "β2**t": "β2"}),
    ("the bias correction starts at t = 2", {"β1**t": "β1 ** (t + 1)", "β2**t": "β2 ** (t + 1)"}),
    ("the bias correction changes m and s, so it accumulates", {"m̂ = m /": "m = m̂ = m /", "ŝ = s /": "s = ŝ = s /"}),
    ("ε inside the root", {"(s**0.5 + ε)": "(s + ε) ** 0.5"}),
    ("ε inside the root", {"(ŝ**0.5 + ε)": "(ŝ + ε) ** 0.5"}),
    ("ε before the bias correction", {"ŝ**0.5 + ε": "(s**0.5 + ε) / (1 - β2**t) ** 0.5"}),
]


class Problem(NamedTuple):
    """Parameters to optimize, and gradients that do not depend on them; flat, with n entries in all together."""

    shapes: list[tuple[int, ...]]
    start: Tensor  # [n]
    gradients: Tensor  # [steps, n]
    halve: bool = True

    @property
    def halfway(self) -> int:
        """The step before which lr is halved, or 0: a rule with lr inside the velocity differs only then."""
        return len(self.gradients) // 2 + 1 if self.halve else 0


class Case(NamedTuple):
    """A rule and its class in a setting: their trajectories, [steps + 1, n]."""

    setting: dict[str, Any]
    ours: Tensor
    theirs: Tensor


Differ = Callable[[Tensor, Tensor], int | None]  # the first step at which two trajectories differ


def find_mistake(name: str, own: set[str], cases: list[Case], problem: Problem, differ: Differ) -> str:
    """The mistake of a rule whose formula explains every case; empty if none does.

    ``name`` is the optimizer's, ``own`` are the hyperparameters that the rule has. Settings with hyperparameters that
    the formula lacks are left out.
    """
    formula, usual = FORMULAS.get(name, ""), class_defaults(name)
    known = {*SYMBOLS, "betas"}
    cases = [case for case in cases if known.issuperset(case.setting)]
    if not any(differ(case.ours, case.theirs) for case in cases):
        return ""

    def explains(wrong: str, steps: int) -> bool:
        walks = ((follow(wrong, usual | its.setting, its.ours[0], problem, steps), its.ours) for its in cases)
        return not any(differ(walked, ours[: steps + 1]) for walked, ours in walks)

    wrong = chain(wrong_formulas(formula), wrong_constants(formula, name, own, cases, problem, differ))
    few, all_steps = 3, len(problem.gradients)  # a few steps tell most formulas from the rule
    return next((what for what, its in wrong if explains(its, few) and explains(its, all_steps)), "")


def follow(
    formula: str, hyperparameters: dict[str, Any], start: Tensor, problem: Problem, steps: int | None = None
) -> Tensor:
    """The trajectory by a formula, [steps + 1, n]; as in ``comparison.walk``, lr is halved halfway.

    ``hyperparameters`` includes all defaults.
    """
    code = compile("\n".join(lines(formula)), "formula", "exec")
    constants = symbol_values(hyperparameters)
    names: dict[str, Any] = {"w": start, "v": 0.0, "m": 0.0, "s": 0.0}
    walked = [start]
    for t, gradient in enumerate(problem.gradients[:steps], 1):
        if t == problem.halfway:
            constants["α"] /= 2
        names |= constants | {"grad": gradient, "t": t}
        exec(code, names)
        walked.append(names["w"])
    return torch.stack(walked)


def symbol_values(hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """The values of the formulas' symbols."""
    pair = dict(zip(("β1", "β2"), hyperparameters.get("betas", ())))
    return {symbol: hyperparameters[name] for name, symbol in SYMBOLS.items() if name in hyperparameters} | pair


def wrong_formulas(formula: str) -> Iterator[tuple[str, str]]:
    """Each mistake that can be made in ``formula``: its name with the changed lines, and the wrong formula."""
    for name, changes in MISTAKES:
        if all(part in formula for part in changes):
            wrong = reduce(lambda text, change: text.replace(*change), changes.items(), formula)
            changed = "; ".join(line.replace(" * ", " ") for line in lines(wrong) if line not in lines(formula))
            yield name + (f": {changed}" if changed else ""), wrong


def wrong_constants(
    formula: str, name: str, own: set[str], cases: list[Case], problem: Problem, differ: Differ
) -> Iterator[tuple[str, str]]:
    """Formulas with another value of a symbol, fitted to a rule's first steps: a multiple, a square, or a number."""
    wrong = [case for case in cases if differ(case.ours[:3], case.theirs[:3])]
    for case, symbol in ((case, symbol) for symbol in symbol_values(class_defaults(name)) for case in wrong):
        given = class_defaults(name) | case.setting
        value = symbol_values(given)[symbol]
        fitted = fit_constant(formula, symbol, given, case.ours[:3], problem) if value and value is not True else []
        for found in fitted:
            factor, number = f"{found / value:.6g}", f"{found:.6g}"
            forms = {
                f"{symbol} is ignored": "0",
                f"{factor} {symbol} in place of {symbol}": f"{factor} * {symbol}",
                f"{symbol}² in place of {symbol}": f"{symbol}**2",
            }
            is_own = ("betas" if symbol in ("β1", "β2") else NAMES[symbol]) in own
            for what, its in ((forms if is_own else {}) | {f"{symbol} is always {number}": number}).items():
                yield f"{what} ({NAMES[symbol]})", f"{symbol} = {its} \n {formula}"


def fit_constant(
    formula: str, symbol: str, hyperparameters: dict[str, Any], ours: Tensor, problem: Problem
) -> list[float]:
    """The value of a symbol with which a formula has the trajectory ``ours``, by Newton's method; [] if none has."""

    def residual(value: float) -> Tensor:
        return follow(f"{symbol} = {value!r} \n {formula}", hyperparameters, ours[0], problem, len(ours) - 1) - ours

    value = float(symbol_values(hyperparameters)[symbol])
    for _ in range(20):
        r, h = residual(value), 1e-6 * (abs(value) or 1)
        if r.is_complex() or not r.isfinite().all():
            break
        if r.abs().max() < 1e-8:
            return [value]
        slope = (residual(value + h) - r) / h
        value -= float((r * slope).sum() / (slope**2).sum())
        if not 0 <= abs(value) < 1e6:
            break
    return []


def lines(formula: str) -> list[str]:
    return [line.strip() for line in formula.splitlines() if line.strip()]
