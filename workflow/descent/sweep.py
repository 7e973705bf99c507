"""A sweep: the grid of one optimizer's hyperparameters that `snakemake sweep` trains."""

from itertools import product
from typing import Any

Point = dict[str, Any]  # a value for each hyperparameter of the grid

SETTINGS = {"network", "optimizer", "seeds", "epochs", "points_per_job"}  # keys of a sweep; the others are axes


def values(axis: Any) -> list:
    """The values of an axis: those of a list, n of them spaced evenly in log10, or one.

    Rounded to six significant digits, so that a value reads the same in a file's name as in a table.
    """
    if isinstance(axis, dict):
        (low, high), n = axis["log10"], axis["points"]
        return [float(f"{10 ** (low + (high - low) * i / max(n - 1, 1)):.6g}") for i in range(n)]
    return axis if isinstance(axis, list) else [axis]


def axes(sweep: dict) -> dict[str, list]:
    """The grid's hyperparameters with their values; ``betas`` is one pair, or a list of pairs."""
    names = sorted(sweep.keys() - SETTINGS, key=lambda name: (name != "lr", name))  # whatever their order in the file
    return {
        name: [sweep[name]] if name == "betas" and not isinstance(sweep[name][0], list) else values(sweep[name])
        for name in names
    }


def points(sweep: dict) -> list[Point]:
    """All points of the grid, row by row; within a row the learning rate changes."""
    (lr, rates), *others = axes(sweep).items()
    rows = product(*(values for _, values in others))
    return [{lr: rate} | dict(zip(dict(others), row)) for row in rows for rate in rates]


def marks(sweep: dict, variants: dict[str, dict], defaults: dict[str, Any]) -> list[Point]:
    """The variants of the sweep's optimizer as points of its grid; ``defaults`` are the optimizer's.

    Variants with non-default values outside the grid are omitted.
    """
    grid = axes(sweep)
    defaults = {name: list(value) if isinstance(value, tuple) else value for name, value in defaults.items()}
    full = [defaults | variant for variant in variants.values() if variant["optimizer"] == sweep["optimizer"]]
    return [
        {name: variant[name] for name in grid}
        for variant in full
        if all(variant[name] == default for name, default in defaults.items() if name not in grid)
    ]


def name(point: Point) -> str:
    """A point's name, and its folder's: lr=0.01_momentum=0.9. (Snakemake cuts a remote job's wildcards at commas.)"""

    def show(value: Any) -> str:
        return "-".join(map(show, value)) if isinstance(value, list) else f"{value:g}"

    return "_".join(f"{hyperparameter}={show(value)}" for hyperparameter, value in point.items())


def jobs(sweep: dict) -> dict[str, list[Point]]:
    """The grid cut into what one job trains at once, ``points_per_job`` of them, by the name of a job's first point."""
    grid, size = points(sweep), sweep.get("points_per_job", 1)
    return {name(grid[i]): grid[i : i + size] for i in range(0, len(grid), size)}
