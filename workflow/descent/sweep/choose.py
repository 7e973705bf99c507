"""Put all trials of a sweep into one table, and choose each optimizer's setting by validation accuracy alone."""

import json
import math
from pathlib import Path

import pandas as pd

from descent.compare.statistics import describe
from descent.experiment import grids as sweep
from descent.experiment.variants import name_of, settings
from descent.files import write_json, write_table
from descent.run import Run
from descent.step import command_line

# A network that guesses has a loss of at least ln 10 and an accuracy near 0.1.
GUESSING_LOSS, GUESSING_ACCURACY = 0.999 * math.log(10), 0.2

# Each choice, and the mean validation accuracy that makes it: over all seeds, and over each half of them.
CHOICES = {
    "chosen": "validation_accuracy_mean",
    "chosen_by_first_half": "first_half_mean",
    "chosen_by_second_half": "second_half_mean",
}


def describe_trial(run: Run) -> dict:
    """What a trial reaches after its last epoch, over its seeds.

    A seed is lost if it diverged, or if its network ends up guessing: a loss of at least GUESSING_LOSS and an accuracy
    of at most GUESSING_ACCURACY. A trial that lost a seed has no mean, nor has the half with that seed.
    """
    last = run.evaluation[run.evaluation["epoch"] == run.record["epochs"] - 1]
    diverged = last["seed"].isin(run.diverged)
    guessing = (last["loss"] >= GUESSING_LOSS) & (last["accuracy"] <= GUESSING_ACCURACY) & ~diverged
    kept = last.mask(diverged | guessing)
    halves = kept["accuracy"].iloc[: len(kept) // 2], kept["accuracy"].iloc[len(kept) // 2 :]
    return (
        {"seeds": len(last), "diverged_seeds": diverged.sum(), "guessing_seeds": guessing.sum()}
        | {"lost_seeds": (diverged | guessing).sum()}
        | describe("validation_accuracy", kept["accuracy"], (0, 1))
        | dict(zip(["first_half_mean", "second_half_mean"], (half.mean(skipna=False) for half in halves)))
        | describe("validation_loss", kept["loss"], (0, math.inf))
    )


def describe_trials(grids: dict, runs: dict[str, Run]) -> pd.DataFrame:
    """One row per optimizer and trial; the chosen one has the highest mean accuracy of those that lost no seed.

    The choice is repeated with each half of the seeds alone, to show how much it depends on them.
    """
    rows = []
    for optimizer, grid in grids.items():
        for point in sweep.points(grid):
            values = {h: json.dumps(v) if isinstance(v, list) else v for h, v in settings(point).items()}
            trial = name_of(point)
            rows.append({"optimizer": optimizer, "trial": trial} | values | describe_trial(runs[trial]))
    measured = list(rows[0])[2 + len(sweep.axes(next(iter(grids.values())))) :]
    swept = dict.fromkeys(name for grid in grids.values() for name in sweep.axes(grid))
    table = pd.DataFrame(rows, columns=["optimizer", "trial", *swept, *measured])
    for chosen, mean in CHOICES.items():
        best = table.dropna(subset=mean).groupby("optimizer")[mean].idxmax()
        table[chosen] = table.index.isin(best)
    return table


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes trials.csv (one row per optimizer and trial) and choices.json (each optimizer's chosen trial).",
    )
    parser.add_argument("--grids", type=json.loads, required=True, metavar="JSON", help="the grid of each optimizer")
    parser.add_argument("--trials", type=Path, required=True, help="the folder of the trials' folders")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    arguments = parser.parse_args()

    runs = {trial: Run(arguments.trials / trial) for trial in sweep.trials(arguments.grids)}
    table = describe_trials(arguments.grids, runs)
    chosen = table[table["chosen"]].set_index("optimizer")["trial"]
    if chosen.empty:
        raise SystemExit("config.yaml: sweep.optimizers: every trial lost a seed; lower learning rates may not")
    write_table(arguments.output / "trials.csv", table)
    write_json(arguments.output / "choices.json", chosen.to_dict())
    print("chosen by validation accuracy:", *chosen, sep="\n")


if __name__ == "__main__":
    main()
