"""A sweep has a grid of hyperparameters for each optimizer, whose points are its trials, and a default setting."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from descent.experiment.variants import CONSTANT, name_of
from descent.optimizers import lookup

Grid = Mapping[str, Any]  # as in config.yaml: optimizer, and an axis for each hyperparameter
Setting = dict[str, Any]  # what a trial is: a variant, as in config.yaml

MISSING = object()
TRIALS, FINAL = 1000, 2000  # first seeds of trials and final runs, which the default run must not use


def axis_values(axis: Any) -> list:
    """The values of an axis: those of a list, n values spaced evenly in log10, or a single one.

    Spaced values are rounded to six significant digits, so that they read the same in folder names and in tables.
    """
    if isinstance(axis, dict):
        (low, high), n = axis["log10"], axis["points"]
        return [float(f"{10 ** (low + (high - low) * i / max(n - 1, 1)):.6g}") for i in range(n)]
    return axis if isinstance(axis, list) else [axis]


def axes(grid: Grid) -> dict[str, list]:
    """The grid's hyperparameters with their values; one whose default is a pair has one pair, or a list of pairs."""
    ordered = sorted(grid.keys() - {"optimizer"}, key=lambda name: (name != "lr", name))  # whatever their order
    pairs = {name for name, usual in lookup(grid["optimizer"]).defaults.items() if isinstance(usual, list)}
    return {
        name: [grid[name]] if name in pairs and not isinstance(grid[name][0], list) else axis_values(grid[name])
        for name in ordered
    }


def swept(grid: Grid) -> list[str]:
    """The hyperparameters that have several values."""
    return [name for name, its_values in axes(grid).items() if len(its_values) > 1]


def setting(grid: Grid, hyperparameters: Mapping[str, Any]) -> Setting:
    implementation, *_ = lookup(grid["optimizer"]).implementations
    return {"implementation": implementation, "optimizer": grid["optimizer"]} | dict(hyperparameters)


def points(grid: Grid) -> list[Setting]:
    """All points of a grid, row by row; within a row the learning rate changes."""
    (lr, rates), *others = axes(grid).items()
    rows = product(*(its_values for _, its_values in others))
    return [setting(grid, {lr: rate} | dict(zip(dict(others), row))) for row in rows for rate in rates]


def default(grid: Grid) -> Setting:
    """The default setting: swept hyperparameters have their defaults, others the grid's value."""
    usual = lookup(grid["optimizer"]).defaults | CONSTANT
    its = {name: values[0] if len(values) == 1 else usual.get(name, MISSING) for name, values in axes(grid).items()}
    return setting(grid, {name: value for name, value in its.items() if value is not MISSING})


def trials(grids: Mapping[str, Grid]) -> list[str]:
    """The names of all trials; a point of several grids is one trial."""
    return list(dict.fromkeys(name_of(point) for grid in grids.values() for point in points(grid)))


def settings(grids: Mapping[str, Grid]) -> dict[str, Setting]:
    """All settings that may be trained, by their names: the trials of all grids and the default settings."""
    return {name_of(its): its for grid in grids.values() for its in [default(grid), *points(grid)]}


def final(grids: Mapping[str, Grid], choices: Mapping[str, str]) -> list[str]:
    """The names of the final runs: the chosen trials and the default settings."""
    return sorted({*choices.values(), *(name_of(default(grid)) for grid in grids.values())})


def edges(grid: Grid, chosen: Setting) -> list[str]:
    """The hyperparameters of a chosen setting that have the smallest or the largest value of the grid."""
    its = {name: axes(grid)[name] for name in swept(grid) if name not in ("betas", "schedule")}
    return [name for name in its if chosen[name] in (min(its[name]), max(its[name]))]
