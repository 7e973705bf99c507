"""Rank a sweep's optimizers, each at its best, and compute how many epochs a target accuracy takes."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd

from descent import step
from descent.compare.statistics import LEAST_SEEDS, compare_with_best, describe
from descent.compare.summarize import epochs_to
from descent.experiment.grids import Grid, Setting, default, edges, settings, swept
from descent.experiment.variants import given, in_words, name_of
from descent.files import write_table
from descent.run import Run, read_table
from descent.sweep.choose import CHOICES, Grids, described_trials
from descent.words import Row, Section, join, per_cent, spread

NEAR = 0.005  # half a point


def rank(chosen: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row per optimizer: how far it is behind the best at most, and whether it may be it.

    ``chosen`` says whether each optimizer's final runs are right about each test image, [seeds, images].
    """
    behind, may_be_best = compare_with_best(np.stack(list(chosen.values())))
    return pd.DataFrame({"optimizer": list(chosen), "behind_at_most": behind, "may_be_best": may_be_best})


def describe_final_runs(prefix: str, run: Run) -> Row:
    """Test accuracy over the seeds; a network that diverged counts with the accuracy that it has."""
    by_seed = run.correct.mean(1)
    counts = {f"{prefix}runs": len(by_seed), f"{prefix}diverged_runs": len(run.diverged)}
    return counts | describe(f"{prefix}test_accuracy", by_seed, (0, 1)) | {f"{prefix}worst_seed": by_seed.min()}


def other_choices(grid: Grid, trials: pd.DataFrame, trained: Mapping[str, Setting]) -> str:
    """What the halves of the trials' seeds would have chosen, in words; empty if both choose what all seeds do."""
    chosen, *halves = (trials.loc[trials[name], "trial"].tolist() for name in CHOICES)
    words = [in_words({name: trained[trial][name] for name in swept(grid)}) for half in halves for trial in half]
    return " or ".join(words) if any(half not in ([], chosen) for half in halves) else ""


def tolerance(trials: pd.DataFrame) -> float:
    """Decades from the smallest to the largest learning rate that comes within NEAR of the best validation accuracy."""
    best = trials.groupby("lr")["validation_accuracy_mean"].max()
    near = best.index[best >= best.max() - NEAR]
    return math.log10(near.max() / near.min())


def main(
    grids: Grids,
    runs: Annotated[Path, "the folder of the final runs' folders"],
    output: Annotated[Path, "the folder with the tables of choose, and for these"],
    targets: Annotated[list[float], "validation accuracies to reach"],
) -> None:
    """Writes ranking.csv and targets.csv."""
    trials = described_trials(output)
    choices = json.loads((output / "choices.json").read_bytes())
    trained = settings(grids)
    chosen = {optimizer: Run(runs / choice) for optimizer, choice in choices.items()}

    described = []
    for optimizer, grid in grids.items():
        its, usual = trials[trials["optimizer"] == optimizer], default(grid)
        row = {"optimizer": optimizer, "trials": len(its), "lost_trials": (its["lost_seeds"] > 0).sum()}
        row |= {"default_setting": in_words(given(usual))}
        row |= describe_final_runs("default_", Run(runs / name_of(usual)))
        if optimizer in choices:
            best = trained[choices[optimizer]]
            row |= {"setting": in_words(given(best)), "edge": ", ".join(edges(grid, best))}
            row |= {"validation_accuracy_mean": its.loc[its["chosen"], "validation_accuracy_mean"].item()}
            row |= {"other_choices": other_choices(grid, its, trained), "tolerance": tolerance(its)}
            row |= describe_final_runs("", chosen[optimizer])
        described.append(row)
    ranks = rank({optimizer: run.correct for optimizer, run in chosen.items()})
    ranking = ranks.merge(pd.DataFrame(described), on="optimizer", how="right")
    ranking = ranking.sort_values("test_accuracy_mean", ascending=False, kind="stable")
    write_table(output / "ranking.csv", ranking)
    reached = [
        {"optimizer": optimizer} | row for optimizer, run in chosen.items() for row in run.describe_targets(targets)
    ]
    write_table(
        output / "targets.csv", pd.DataFrame(reached, columns=["optimizer", "target", "epochs", "reached", "runs"])
    )


def ranked(sweep: Path) -> pd.DataFrame:
    """ranking.csv"""
    return read_table(sweep / "ranking.csv", ["optimizer", "default_setting", "setting", "edge", "other_choices"])


def answer(table: pd.DataFrame) -> list[str]:
    """Who may be the best, how far the others are behind, and what to beware of."""
    known, unranked = table.dropna(subset="may_be_best"), table[table["may_be_best"].isna()]
    may_be_best = known["may_be_best"].astype(bool)
    best = join(known.loc[may_be_best, "optimizer"])
    if len(known) == 1:
        lines = [f"Only {best} could be ranked."]
    elif may_be_best.sum() == 1:
        lines = [f"Each at its best setting, {best} is the best."]
    else:
        lines = [f"Each at its best setting, {best} may be the best."]
    if others := known[~may_be_best].to_dict("records"):
        behind = join(f"{row['optimizer']} {per_cent(row['behind_at_most'])}" for row in others)
        lines.append(f"At most this many points behind the best: {behind}.")
    if len(known) > 1 and known["behind_at_most"].isna().all():
        lines.append(f"With fewer than {LEAST_SEEDS} seeds, none can be ruled out.")
    if table["trials"].nunique() > 1:
        lines.append("The numbers of trials differ: more trials find a better setting.")
    for row in known[known["edge"] != ""].to_dict("records"):
        lines.append(f"{row['optimizer']}: the chosen {row['edge']} is at the edge of its grid.")
    for row in known[known["other_choices"] != ""].to_dict("records"):
        lines.append(f"{row['optimizer']}: halves of the trials' seeds would have chosen {row['other_choices']}.")
    return lines + [f"{optimizer}: every trial lost a seed." for optimizer in unranked["optimizer"]]


def section(table: pd.DataFrame) -> Section:
    rows = []
    for row in table.to_dict("records"):
        known = {"optimizer": row["optimizer"], "may be best": "", "trials": row["trials"]}
        if pd.isna(row["may_be_best"]):
            known["chosen"] = "every trial lost a seed"
        else:
            known |= {
                "may be best": "yes" if row["may_be_best"] else "no",
                "test accuracy, %": spread(row, "test_accuracy", 100, 2) + diverged_runs(row, ""),
                "worst seed": per_cent(row["worst_seed"]),
                "behind at most": per_cent(row["behind_at_most"]),
                "chosen": row["setting"],
                "lr within ½ point": f"{row['tolerance']:.1f}",
            }
        known["default"] = row["default_setting"]
        known["its accuracy, %"] = spread(row, "default_test_accuracy", 100, 2) + diverged_runs(row, "default_")
        rows.append(known)
    columns = ["optimizer", "may be best", "test accuracy, %", "worst seed", "behind at most", "trials", "chosen"]
    columns += ["lr within ½ point", "default", "its accuracy, %"]
    return Section(
        "Ranking",
        table=pd.DataFrame(rows, columns=columns).fillna(""),
        caption="Means ± standard deviations over the seeds of the final runs, the worst seed, and how many points an "
        "optimizer is at most behind the best. All bounds hold together, and the best is among those that may be it, "
        "for new seeds and new test images with a probability of 95 % (Hsu's comparisons with the best). The order of "
        "those that may be the best is not shown. Within half a point of its best validation accuracy, an optimizer "
        "has a range of learning rates of so many decades.",
        file="sweep/ranking.csv",
    )


def diverged_runs(row: Row, prefix: str) -> str:
    lost = row[f"{prefix}diverged_runs"]
    return f" ({lost:.0f} of {row[f'{prefix}runs']:.0f} runs diverged)" if lost else ""


def targets_section(sweep: Path) -> Section:
    targets = read_table(sweep / "targets.csv", ["optimizer"])
    return Section(
        table=pd.DataFrame(
            {"optimizer": optimizer} | epochs_to(its.to_dict("records"))
            for optimizer, its in targets.groupby("optimizer", sort=False)
        ),
        caption="Epochs until a validation accuracy is reached, by the median final run of the chosen setting.",
        file="sweep/targets.csv",
    )


if __name__ == "__main__":
    step.run(main)
