"""The right formulas of the optimizers, and the known mistakes, each as a change of a formula.

A mistake is named only if it is proved: the rule follows the changed formula to 1e-12 over all steps, and no other
mistake's.
"""

from collections.abc import Iterator
from functools import reduce
from typing import Any

import torch
from torch import Tensor

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
    (
        "nothing is kept from step to step (v.mul_(…) changes v, v = … does not)",
        {"g = grad": "g = grad; v = m = s = 0"},
    ),
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


def follow(formula: str, hyperparameters: dict[str, Any], start: Tensor, gradients: Tensor, halfway: int) -> Tensor:
    """The trajectory by a formula, [steps + 1, n], as of ``checks.trajectory``; lr is halved before step ``halfway``.

    ``hyperparameters`` includes all defaults.
    """
    code = compile("\n".join(lines(formula)), "formula", "exec")
    constants = {symbol: hyperparameters[name] for name, symbol in SYMBOLS.items() if name in hyperparameters}
    constants |= dict(zip(("β1", "β2"), hyperparameters.get("betas", ())))
    names: dict[str, Any] = {"w": start, "v": 0.0, "m": 0.0, "s": 0.0, "total": 0.0}
    walked = [start]
    for t, gradient in enumerate(gradients, 1):
        if t == halfway:
            constants["α"] /= 2
        names |= constants | {"grad": gradient, "t": t}
        exec(code, names)
        walked.append(names["w"])
    return torch.stack(walked)


def wrong_formulas(formula: str) -> Iterator[tuple[str, str]]:
    """Each mistake that can be made in ``formula``: its name with the changed lines, and the wrong formula."""
    for name, changes in MISTAKES:
        if all(part in formula for part in changes):
            wrong = reduce(lambda text, change: text.replace(*change), changes.items(), formula)
            changed = "; ".join(line.replace(" * ", " ") for line in lines(wrong) if line not in lines(formula))
            yield name + (f": {changed}" if changed else ""), wrong


def lines(formula: str) -> list[str]:
    return [line.strip() for line in formula.splitlines() if line.strip()]
