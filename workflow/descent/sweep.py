"""A sweep has a grid of hyperparameters for each optimizer, whose points are its trials, and a default setting."""

from collections.abc import Mapping
from itertools import pairwise, product
from typing import Any

from descent.optimizers import defaults
from descent.settings import name_of

Variant = dict[str, Any]  # as in config.yaml: implementation, optimizer, and a value for each hyperparameter

TRIALS, FINAL = 1000, 2000  # first seeds of trials and final runs, which the default run must not use
MEMORY = 4e9  # bytes that the trainings of one job may take on a GPU
MOST_PER_JOB = 500  # trials, as they are all on the job's command line


def values(axis: Any) -> list:
    """The values of an axis: those of a list, n values spaced evenly in log10, or a single one.

    Spaced values are rounded to six significant digits, so that they read the same in folder names and in tables.
    """
    if isinstance(axis, dict):
        (low, high), n = axis["log10"], axis["points"]
        return [float(f"{10 ** (low + (high - low) * i / max(n - 1, 1)):.6g}") for i in range(n)]
    return axis if isinstance(axis, list) else [axis]


def axes(grid: Mapping) -> dict[str, list]:
    """The grid's hyperparameters with their values; ``betas`` is one pair, or a list of pairs."""
    names = sorted(grid.keys() - {"optimizer"}, key=lambda name: (name != "lr", name))  # whatever their order
    return {
        name: [grid[name]] if name == "betas" and not isinstance(grid[name][0], list) else values(grid[name])
        for name in names
    }


def swept(grid: Mapping) -> list[str]:
    """The hyperparameters that have several values."""
    return [name for name, its_values in axes(grid).items() if len(its_values) > 1]


def variant(grid: Mapping, hyperparameters: Mapping) -> Variant:
    return {"implementation": "custom", "optimizer": grid["optimizer"]} | dict(hyperparameters)


def points(grid: Mapping) -> list[Variant]:
    """All points of a grid as variants, row by row; within a row the learning rate changes."""
    (lr, rates), *others = axes(grid).items()
    rows = product(*(its_values for _, its_values in others))
    return [variant(grid, {lr: rate} | dict(zip(dict(others), row))) for row in rows for rate in rates]


def default(grid: Mapping) -> Variant:
    """The default setting: swept hyperparameters have their defaults of optimizers.py, others the grid's value."""
    usual = defaults(grid["optimizer"])
    return variant(grid, {name: its[0] if len(its) == 1 else usual[name] for name, its in axes(grid).items()})


def trials(grids: Mapping[str, Mapping]) -> list[str]:
    """The names of all trials; a point of several grids is one trial."""
    return list(dict.fromkeys(name_of(point) for grid in grids.values() for point in points(grid)))


def settings(grids: Mapping[str, Mapping]) -> dict[str, Variant]:
    """All settings that may be trained, by their names: the trials of all grids and the default settings."""
    return {name_of(variant): variant for grid in grids.values() for variant in [default(grid), *points(grid)]}


def marks(grid: Mapping, variants: Mapping[str, Variant]) -> list[str]:
    """The names of a grid's points that are also variants of config.yaml, in either implementation."""
    usual = variant(grid, defaults(grid["optimizer"]))
    same = {name_of(usual | v | {"implementation": "custom"}) for v in variants.values()}
    return [name_of(point) for point in points(grid) if name_of(usual | point) in same]


def seeds(sweep: Mapping) -> dict[str, list[int]]:
    """The seeds of each trial, and of each final run."""
    return {
        "trials": list(range(TRIALS, TRIALS + sweep["seeds"])),
        "final": list(range(FINAL, FINAL + sweep["final"]["seeds"])),
    }


def edges(grid: Mapping, setting: Mapping) -> list[str]:
    """The hyperparameters of a setting that have the smallest or the largest value of the grid."""
    its = {name: axes(grid)[name] for name in swept(grid) if name != "betas"}
    return [name for name in its if setting[name] in (min(its[name]), max(its[name]))]


def jobs(sweep: Mapping, hidden: list[int]) -> list[list[str]]:
    """The trials that each GPU job trains at once: those of one grid, as many as fit into MEMORY.

    A run of a network with these ``hidden`` sizes is estimated to need eight floats per parameter (itself, gradient,
    optimizer states, temporaries) and the logits of an epoch: some 5 MB for 784-100-100-10.
    """
    parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise([784, *hidden, 10]))
    run = 4 * (8 * parameters + 60_000 * 10)
    most = min(MOST_PER_JOB, max(1, int(MEMORY / run / sweep["seeds"])))
    seen, cut = set(), []
    for grid in sweep["optimizers"].values():
        new = [point for point in dict.fromkeys(map(name_of, points(grid))) if point not in seen]
        seen.update(new)
        cut += [new[i : i + most] for i in range(0, len(new), most)]
    return cut
