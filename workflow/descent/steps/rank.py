"""Rank a sweep's optimizers, each at its best, and compute how many epochs a target accuracy takes."""

import json
import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from descent import sweep
from descent.files import write_table
from descent.runs import Run, read_table
from descent.statistics import SIGNIFICANT, crossed_interval, describe, groups, holm
from descent.steps import command_line
from descent.variants import hyperparameters, in_words, name_of


def rank(chosen: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per optimizer, best first: its tie group, and how far it is behind the best.

    ``chosen`` says whether each optimizer's final runs are right about each test image, [seeds, images]. All pairs are
    compared for new seeds and new images, and their p-values are corrected together by Holm's method.
    """
    order = sorted(chosen, key=lambda optimizer: -chosen[optimizer].mean())
    pairs = list(combinations(range(len(order)), 2))
    intervals = [crossed_interval(chosen[order[i]] - chosen[order[j]]) for i, j in pairs]
    p = dict(zip(pairs, holm([p for *_, p in intervals])))
    group = groups([chosen[optimizer].mean() for optimizer in order], {pair: p[pair] < SIGNIFICANT for pair in pairs})
    rows = []
    for j, optimizer in enumerate(order):
        low, high, _ = intervals[pairs.index((0, j))] if j else (math.nan,) * 3
        behind = chosen[order[0]].mean() - chosen[optimizer].mean()
        rows.append(
            {"optimizer": optimizer, "group": group[j]}
            | {"behind_mean": behind, "behind_low": low, "behind_high": high, "p_holm": p.get((0, j), math.nan)}
        )
    return pd.DataFrame(rows)


def describe_final(prefix: str, run: Run) -> dict:
    """Test accuracy over the seeds; a network that diverged counts with the accuracy that it has."""
    accuracy = describe(f"{prefix}test_accuracy", run.correct.mean(1), (0, 1))
    return {f"{prefix}runs": len(run.correct), f"{prefix}diverged_runs": len(run.diverged)} | accuracy


def main() -> None:
    parser = command_line(__doc__, "Writes ranking.csv and targets.csv.")
    parser.add_argument("--grids", type=json.loads, required=True, metavar="JSON", help="the grid of each optimizer")
    parser.add_argument("--targets", type=float, nargs="*", default=[], help="validation accuracies to reach")
    parser.add_argument("--final", type=Path, required=True, help="the folder of the final runs' folders")
    parser.add_argument("--results", type=Path, required=True, help="the folder of choose's tables, also for these")
    arguments = parser.parse_args()
    results, grids = arguments.results, arguments.grids

    trials = read_table(results / "trials.csv")
    choices = json.loads((results / "choices.json").read_bytes())
    settings = sweep.settings(grids)
    chosen = {optimizer: Run(arguments.final / choice) for optimizer, choice in choices.items()}

    described = []
    for optimizer, grid in grids.items():
        its = trials[trials["optimizer"] == optimizer]
        default = sweep.default(grid)
        row = {"optimizer": optimizer, "trials": len(its), "lost_trials": (its["lost_seeds"] > 0).sum()}
        row |= {"default_setting": in_words(hyperparameters(default))}
        row |= describe_final("default_", Run(arguments.final / name_of(default)))
        if optimizer in choices:
            best = settings[choices[optimizer]]
            row |= {"setting": in_words(hyperparameters(best)), "edge": ", ".join(sweep.edges(grid, best))}
            row |= {"validation_accuracy_mean": its.loc[its["chosen"], "validation_accuracy_mean"].item()}
            row |= describe_final("", chosen[optimizer])
        described.append(row)
    ranks = rank({optimizer: run.correct for optimizer, run in chosen.items()})
    ranking = ranks.merge(pd.DataFrame(described), on="optimizer", how="right").sort_values(["group", "behind_mean"])
    write_table(results / "ranking.csv", ranking.astype({"group": "Int64"}))
    targets = [
        {"optimizer": optimizer} | row
        for optimizer, run in chosen.items()
        for row in run.describe_targets(arguments.targets)
    ]
    write_table(
        results / "targets.csv", pd.DataFrame(targets, columns=["optimizer", "target", "epochs", "reached", "runs"])
    )


if __name__ == "__main__":
    main()
