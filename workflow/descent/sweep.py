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
    grid = {name: axis for name, axis in sweep.items() if name not in SETTINGS}
    return {
        name: [axis] if name == "betas" and not isinstance(axis[0], list) else values(axis)
        for name, axis in grid.items()
    }


def points(sweep: dict) -> list[Point]:
    """All points of the grid; the learning rate changes first."""
    grid = axes(sweep)
    slowest_first = sorted(grid, key=lambda name: name == "lr")
    return [
        {name: point[name] for name in grid}
        for point in (
            dict(zip(slowest_first, combination)) for combination in product(*(grid[name] for name in slowest_first))
        )
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
