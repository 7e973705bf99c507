"""Is momentum compared with SGD at the same learning rate, where its steps are longer?

Under a steady gradient g, v ← μ v + g tends to g / (1 − μ), so momentum's steps are 1 / (1 − μ) times as long.
"""

from collections.abc import Mapping
from math import isclose, isnan
from typing import Any, NamedTuple

import pandas as pd

from descent.compare.differences import ahead
from descent.experiment.variants import Variant, meaning
from descent.optimizers import lookup
from descent.words import Row, join, per_cent


class Steps(NamedTuple):
    """How a variant of SGD steps; ``others`` is what else makes it, but for Nesterov's, whose steps are as long."""

    lr: float
    momentum: float
    others: dict[str, Any]


def steps(variant: Variant) -> Steps | None:
    """None for other optimizers, and for a class with dampening, whose steps have another length."""
    its = meaning(variant)
    given = lookup("sgd").defaults | its["hyperparameters"]
    if its["optimizer"] != "sgd" or given.get("dampening"):
        return None
    others = {name: value for name, value in given.items() if name not in ("lr", "momentum", "nesterov")}
    return Steps(given["lr"], given["momentum"], others | {name: its[name] for name in ("schedule", "warmup")})


def answer(variants: Mapping[str, Variant], differences: pd.DataFrame) -> list[str]:
    """A sentence for each two variants of SGD in ``differences``, of differences.csv, with one lr and two momenta."""
    within = differences[differences["network"] == differences["other_network"]].to_dict("records")
    pairs = dict.fromkeys((row["other"], row["variant"]) for row in within)
    known = {name: its for name in dict.fromkeys(sum(pairs, ())) if (its := steps(variants[name]))}
    lines = []
    for pair in pairs:
        if not all(name in known for name in pair):
            continue
        slow, fast = sorted(pair, key=lambda name: known[name].momentum)
        short, long = known[slow], known[fast]
        if short == long or short._replace(momentum=long.momentum) != long or long.momentum >= 1:
            continue
        times = (1 - short.momentum) / (1 - long.momentum)
        line = f"{fast} has the lr of {slow}, but momentum {long.momentum:g} makes steps {times:.3g} times as long"
        as_long = short.lr * times
        alike = [name for name, its in known.items() if its._replace(lr=short.lr) == short and isclose(its.lr, as_long)]
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
