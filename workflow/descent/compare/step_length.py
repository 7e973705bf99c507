"""Is momentum compared with SGD at the same learning rate, where its steps are longer?

Under a steady gradient g, v ← μ v + g tends to g / (1 − μ), so momentum's steps are 1 / (1 − μ) times as long.
"""

import json
from collections.abc import Mapping
from math import isclose, isnan
from typing import NamedTuple

import pandas as pd

from descent.compare.differences import ahead
from descent.experiment.variants import Variant, meaning
from descent.optimizers import lookup
from descent.words import Row, join, per_cent


class Steps(NamedTuple):
    """How a variant of SGD steps; ``others``, JSON, is all else but Nesterov's momentum, whose steps are as long."""

    lr: float
    momentum: float
    others: str


def steps(variant: Variant) -> Steps | None:
    """None for other optimizers, and for a class with dampening, whose steps have another length."""
    its = meaning(variant)
    given = lookup("sgd").defaults | its["hyperparameters"]
    if its["optimizer"] != "sgd" or given.get("dampening"):
        return None
    others = {name: value for name, value in given.items() if name not in ("lr", "momentum", "nesterov")}
    others |= {name: its[name] for name in ("schedule", "warmup")}
    return Steps(given["lr"], given["momentum"], json.dumps(others, sort_keys=True))


def answer(variants: Mapping[str, Variant], differences: pd.DataFrame) -> list[str]:
    """A sentence for each setting of SGD that ``differences``, of differences.csv, compare with one of less momentum.

    The other one has the same lr, and the least momentum.
    """
    within = differences[differences["network"] == differences["other_network"]].to_dict("records")
    known: dict[Steps, str] = {}  # of variants with the same setting, twins, the first
    for name in dict.fromkeys(name for row in within for name in (row["other"], row["variant"])):
        if its := steps(variants[name]):
            known.setdefault(its, name)
    lines = []
    for long, fast in known.items():
        short = min(
            (its for its in known if its._replace(momentum=0) == long._replace(momentum=0)),
            key=lambda its: its.momentum,
        )
        if short.momentum >= long.momentum or long.momentum >= 1:
            continue
        factor = (1 - short.momentum) / (1 - long.momentum)
        as_long, slow = short.lr * factor, known[short]
        line = f"{fast} has the lr of {slow}, but momentum {long.momentum:g} makes steps {factor:.4g} times as long"
        alike = [name for its, name in known.items() if its._replace(lr=short.lr) == short and isclose(its.lr, as_long)]
        if alike and (words := leads(fast, alike[0], within)):
            lines.append(f"{line}. Against {alike[0]}, with steps as long, it is {words}.")
        else:
            lines.append(f"{line}, as those of {slow} with lr {as_long:.3g} would be.")
    return lines


def leads(one: str, other: str, differences: list[Row]) -> str:
    """How many points a variant is ahead of another on each network, and whether that is real; empty if it diverged."""
    groups: dict[str, list[str]] = {}
    for row in differences:
        if {row["variant"], row["other"]} == {one, other} and not isnan(row["test_accuracy_difference_mean"]):
            mean, *_ = ahead(one, row)
            verdict = "" if pd.isna(row["real"]) else " (real)" if row["real"] else " (not shown to be real)"
            lead = f"{per_cent(abs(mean))} points {'ahead' if mean >= 0 else 'behind'} on {row['network']}"
            groups.setdefault(verdict, []).append(lead)
    return join(f"{join(found)}{verdict}" for verdict, found in groups.items()) if groups else ""
