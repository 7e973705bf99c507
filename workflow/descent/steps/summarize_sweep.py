"""Put the runs of a sweep into one table, and what each setting reaches into another, the best one marked."""

import json
import math
from pathlib import Path

import pandas as pd

from descent.files import write_json, write_table
from descent.runs import Run
from descent.statistics import describe
from descent.steps import command_line
from descent.sweep import axes, jobs

# A network that guesses has a loss of ln 10 or more, and one accuracy in ten.
GUESSING_LOSS, GUESSING_ACCURACY = 0.999 * math.log(10), 0.2


def describe_points(runs: pd.DataFrame, hyperparameters: list[str]) -> pd.DataFrame:
    """One row per point of the grid: after the last epoch, over the seeds; the best point's ``best`` is True.

    A run is lost if it ``diverged``, or if it ends up ``guessing``: with at least the loss and at most twice the
    accuracy that this gives. A point of which a run is lost has no mean. The best has the
    highest mean accuracy; ``behind`` is its accuracy less the point's, seed by seed, in which what a seed brings to
    both drops out.
    """
    last = runs[runs["epoch"] == runs["epoch"].max()]
    points = {point: of_point.set_index("seed") for point, of_point in last.groupby(hyperparameters, sort=False)}
    diverged = {point: p["diverged"].notna() for point, p in points.items()}
    guessing = {
        point: (p["loss"] >= GUESSING_LOSS) & (p["accuracy"] <= GUESSING_ACCURACY) & ~diverged[point]
        for point, p in points.items()
    }
    kept = {point: p.mask(diverged[point] | guessing[point]) for point, p in points.items()}
    mean = {point: p["accuracy"].mean(skipna=False) for point, p in kept.items()}
    best = max((point for point in mean if not math.isnan(mean[point])), key=mean.get, default=None)
    rows = []
    for point, p in points.items():
        rows.append(
            dict(zip(hyperparameters, point))
            | {"seeds": len(p), "diverged_seeds": diverged[point].sum(), "guessing_seeds": guessing[point].sum()}
            | {"lost_seeds": (diverged[point] | guessing[point]).sum()}
            | describe("test_accuracy", kept[point]["accuracy"])
            | describe("test_loss", kept[point]["loss"])
            | describe("behind", kept[best]["accuracy"] - kept[point]["accuracy"] if best else [math.nan])
            | {"best": point == best}
        )
    return pd.DataFrame(rows)


def count(runs: pd.DataFrame, summary: pd.DataFrame) -> dict[str, int]:
    """How many of what there are; those ``as_good_as_best`` have 0 in the interval of ``behind``."""
    as_good = (summary["behind_low"] <= 0) & ~summary["best"]
    return {
        "points": len(summary),
        "seeds": runs["seed"].nunique(),
        "epochs": runs["epoch"].nunique(),
        "runs": int(summary["seeds"].sum()),
        "diverged_runs": int(summary["diverged_seeds"].sum()),
        "guessing_runs": int(summary["guessing_seeds"].sum()),
        "as_good_as_best": int(as_good.sum()),
    }


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes runs.csv (one row per point, seed, epoch), summary.csv (one row per point) and overview.json.",
    )
    parser.add_argument(
        "--sweep", type=json.loads, required=True, metavar="JSON", help="the grid, as config.yaml has it"
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder with a folder for each job")
    arguments = parser.parse_args()
    results = arguments.results

    runs = pd.concat([Run(results / job).evaluation for job in jobs(arguments.sweep)])
    summary = describe_points(runs, list(axes(arguments.sweep)))
    write_table(results / "runs.csv", runs.astype({"diverged": "Int64"}))
    write_table(results / "summary.csv", summary)
    write_json(results / "overview.json", count(runs, summary))
    print("the best:")
    print(summary.loc[summary["best"], [*axes(arguments.sweep), "test_accuracy_mean", "test_accuracy_std"]].to_string())


if __name__ == "__main__":
    main()
