"""Put all trials of a sweep into one table, and choose each optimizer's setting by validation accuracy alone."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pandas as pd

from descent import step
from descent.compare.statistics import describe
from descent.experiment.grids import Grid, axes, points, trials
from descent.experiment.variants import given, name_of
from descent.files import write_json, write_table
from descent.run import Run, guesses, read_table
from descent.words import Row, Section, count, spread

Grids = Annotated[dict, "the grid of each optimizer"]


def describe_trial(run: Run) -> Row:
    """What a trial reaches after its last epoch, over its seeds.

    A seed is lost if it diverged, or if its network ends up guessing. A trial that lost a seed has no mean.
    """
    last = run.evaluation[run.evaluation["epoch"] == run.record["epochs"] - 1]
    diverged = last["seed"].isin(run.diverged)
    guessing = guesses(last) & ~diverged
    kept = last.mask(diverged | guessing)
    return (
        {"seeds": len(last), "diverged_seeds": diverged.sum(), "guessing_seeds": guessing.sum()}
        | {"lost_seeds": (diverged | guessing).sum()}
        | describe("validation_accuracy", kept["accuracy"], (0, 1))
        | describe("validation_loss", kept["loss"], (0, math.inf))
    )


def describe_trials(grids: Mapping[str, Grid], runs: Mapping[str, Run]) -> pd.DataFrame:
    """One row per optimizer and trial; the chosen one has the highest mean accuracy of those that lost no seed."""
    rows = []
    for optimizer, grid in grids.items():
        for point in points(grid):
            values = {h: json.dumps(v) if isinstance(v, list) else v for h, v in given(point).items()}
            trial = name_of(point)
            rows.append({"optimizer": optimizer, "trial": trial} | values | describe_trial(runs[trial]))
    measured = list(rows[0])[2 + len(axes(next(iter(grids.values())))) :]
    swept = dict.fromkeys(name for grid in grids.values() for name in axes(grid))
    table = pd.DataFrame(rows, columns=["optimizer", "trial", *swept, *measured])
    best = table.dropna(subset="validation_accuracy_mean").groupby("optimizer")["validation_accuracy_mean"].idxmax()
    return table.assign(chosen=table.index.isin(best))


def main(
    grids: Grids,
    runs: Annotated[Path, "the folder of the trials' folders"],
    output: Annotated[Path, "the folder to write"],
) -> None:
    """Writes trials.csv (one row per optimizer and trial) and choices.json (each optimizer's chosen trial)."""
    table = describe_trials(grids, {trial: Run(runs / trial) for trial in trials(grids)})
    chosen = table[table["chosen"]].set_index("optimizer")["trial"]
    if chosen.empty:
        diverged, guessing = (table[table[f"{how}_seeds"] > 0] for how in ("diverged", "guessing"))
        raise SystemExit(
            f"config.yaml: sweep.optimizers: every one of {count(len(table), 'trial')} lost a seed: "
            f"{len(diverged)} had one that diverged (their learning rates are too high), {len(guessing)} one that only "
            "guesses (too high or too low)"
        )
    write_table(output / "trials.csv", table)
    write_json(output / "choices.json", chosen.to_dict())
    print("chosen by validation accuracy:", *chosen, sep="\n")


def described_trials(sweep: Path) -> pd.DataFrame:
    """trials.csv"""
    return read_table(sweep / "trials.csv", ["optimizer", "trial"])


def section(table: pd.DataFrame) -> Section:
    rows = []
    for row in table.to_dict("records"):
        lost = f"lost: {row['diverged_seeds']} diverged, {row['guessing_seeds']} guess"
        rows.append(
            {"optimizer": row["optimizer"], "trial": row["trial"]}
            | {"validation accuracy, %": spread(row, "validation_accuracy", 100, 2) or lost}
            | {"validation loss, nats": spread(row, "validation_loss")}
            | {"chosen": "yes" if row["chosen"] else ""}
        )
    return Section(
        table=pd.DataFrame(rows),
        caption="A seed is lost if its loss becomes non-finite or if its network ends up guessing. A trial that lost a "
        "seed cannot be chosen.",
        file="sweep/trials.csv",
        folded="All trials",
    )


if __name__ == "__main__":
    step.run(main)
