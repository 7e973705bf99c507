"""Rank a sweep's optimizers, each at its best, and compute how many epochs a target accuracy takes."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from descent.compare.statistics import compare_with_best, describe
from descent.experiment import grids as sweep
from descent.experiment import variants
from descent.experiment.variants import in_words, name_of
from descent.files import write_table
from descent.run import Run, read_table
from descent.step import command_line
from descent.sweep.choose import CHOICES

NEAR = 0.005  # half a point


def rank(chosen: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per optimizer: how far it is behind the best at most, and whether it may be it.

    ``chosen`` says whether each optimizer's final runs are right about each test image, [seeds, images].
    """
    behind, may_be_best = compare_with_best(np.stack(list(chosen.values())))
    return pd.DataFrame({"optimizer": list(chosen), "behind_at_most": behind, "may_be_best": may_be_best})


def describe_final(prefix: str, run: Run) -> dict:
    """Test accuracy over the seeds; a network that diverged counts with the accuracy that it has."""
    by_seed = run.correct.mean(1)
    counts = {f"{prefix}runs": len(by_seed), f"{prefix}diverged_runs": len(run.diverged)}
    return counts | describe(f"{prefix}test_accuracy", by_seed, (0, 1)) | {f"{prefix}worst_seed": by_seed.min()}


def other_choices(grid: sweep.Grid, trials: pd.DataFrame, settings: dict[str, sweep.Setting]) -> str:
    """What the halves of the trials' seeds would have chosen, in words; empty if both choose what all seeds do."""
    chosen, *halves = (trials.loc[trials[name], "trial"].tolist() for name in CHOICES)
    words = [in_words({name: settings[trial][name] for name in sweep.swept(grid)}) for half in halves for trial in half]
    return " or ".join(words) if any(half not in ([], chosen) for half in halves) else ""


def tolerance(trials: pd.DataFrame) -> float:
    """Decades from the smallest to the largest learning rate that comes within NEAR of the best validation accuracy."""
    best = trials.groupby("lr")["validation_accuracy_mean"].max()
    near = best.index[best >= best.max() - NEAR]
    return math.log10(near.max() / near.min())


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
        row |= {"default_setting": in_words(variants.settings(default))}
        row |= describe_final("default_", Run(arguments.final / name_of(default)))
        if optimizer in choices:
            best = settings[choices[optimizer]]
            row |= {"setting": in_words(variants.settings(best)), "edge": ", ".join(sweep.edges(grid, best))}
            row |= {"validation_accuracy_mean": its.loc[its["chosen"], "validation_accuracy_mean"].item()}
            row |= {"other_choices": other_choices(grid, its, settings), "tolerance": tolerance(its)}
            row |= describe_final("", chosen[optimizer])
        described.append(row)
    ranks = rank({optimizer: run.correct for optimizer, run in chosen.items()})
    ranking = ranks.merge(pd.DataFrame(described), on="optimizer", how="right")
    ranking = ranking.sort_values("test_accuracy_mean", ascending=False, kind="stable")
    write_table(results / "ranking.csv", ranking)
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
