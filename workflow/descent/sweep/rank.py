"""Rank a sweep's optimizers, each at its chosen setting, and compute how many epochs a target accuracy takes."""

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
from descent.experiment.grids import default, edges, settings, swept
from descent.experiment.variants import given, in_words, name_of
from descent.files import write_table
from descent.run import Run, guesses, read_table
from descent.sweep.choose import Grids, described_trials
from descent.words import Row, Section, count, join, per_cent, spread, times

NEAR = 0.005  # half a point
GUESSING = 0.9  # the test error of a network that guesses


def rank(chosen: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row per optimizer: how far it is behind the best at most, and whether it may be it.

    ``chosen`` says whether each optimizer's final runs are right about each test image, [seeds, images].
    """
    bounds = compare_with_best(np.stack(list(chosen.values()))) if chosen else ([], [])
    return pd.DataFrame({"optimizer": list(chosen), **dict(zip(["behind_at_most", "may_be_best"], bounds))})


def lost(run: Run) -> np.ndarray:
    """Which seeds of a final run diverged, guess, or collapsed."""
    last = run.evaluation[run.evaluation["epoch"] == run.record["epochs"] - 1]
    errors = 1 - run.correct.mean(1)
    return (last["seed"].isin(run.diverged) | guesses(last)).to_numpy() | collapsed(errors)


def collapsed(errors: np.ndarray) -> np.ndarray:
    """Which of some seeds' test errors [seeds] are far above their median: five times it, which counts as 1 % at least,
    or a third of the way from it to guessing."""
    median = np.median(errors)
    return errors > min(5 * max(median, 0.01), median + (GUESSING - median) / 3)


def describe_final_runs(prefix: str, run: Run) -> Row:
    """Test accuracy over all seeds, also the lost ones, and how many these are."""
    by_seed = run.correct.mean(1)
    row = {f"{prefix}runs": len(by_seed), f"{prefix}lost_runs": lost(run).sum()}
    row |= describe(f"{prefix}test_accuracy", by_seed, (0, 1))
    return row | {f"{prefix}test_accuracy_by_seed": " ".join(f"{value:.4f}" for value in by_seed)}


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
        its, usual, tuned = trials[trials["optimizer"] == optimizer], default(grid), swept(grid) or ["lr"]
        row = {"optimizer": optimizer, "trials": len(its), "lost_trials": (its["lost_seeds"] > 0).sum()}
        row |= {"default_setting": in_words({name: given(usual)[name] for name in tuned})}
        row |= describe_final_runs("default_", Run(runs / name_of(usual)))
        if optimizer in choices:
            best = trained[choices[optimizer]]
            row |= {"setting": in_words({name: given(best)[name] for name in tuned})}
            row |= {"edge": ", ".join(edges(grid, best))}
            row |= {"validation_accuracy_mean": its.loc[its["chosen"], "validation_accuracy_mean"].item()}
            row |= {"tolerance": tolerance(its)}
            row |= describe_final_runs("", chosen[optimizer])
        described.append(row)
    ranks = rank({its["optimizer"]: chosen[its["optimizer"]].correct for its in described if its.get("lost_runs") == 0})
    ranking = ranks.merge(pd.DataFrame(described), on="optimizer", how="right")
    ranking = ranking.sort_values("test_accuracy_mean", ascending=False, kind="stable")
    ranking = ranking.sort_values("may_be_best", key=pd.isna, kind="stable")  # last those that are not ranked
    write_table(output / "ranking.csv", ranking)
    reached = [
        {"optimizer": optimizer} | row for optimizer, run in chosen.items() for row in run.describe_targets(targets)
    ]
    write_table(
        output / "targets.csv", pd.DataFrame(reached, columns=["optimizer", "target", "epochs", "reached", "runs"])
    )


def ranked(sweep: Path) -> pd.DataFrame:
    """ranking.csv"""
    text = ["optimizer", "default_setting", "setting", "edge"]
    return read_table(sweep / "ranking.csv", [*text, "test_accuracy_by_seed", "default_test_accuracy_by_seed"])


def answer(table: pd.DataFrame) -> list[str]:
    """Who may be the best, how far the others are behind, and what to beware of."""
    known, unranked = table.dropna(subset="may_be_best"), table[table["may_be_best"].isna()]
    may_be_best = known["may_be_best"].astype(bool)
    lines = []
    if len(known) == 1:
        lines.append(f"Only {known['optimizer'].item()} could be ranked.")
    elif len(known):
        best = join(known.loc[may_be_best, "optimizer"])
        lines.append(f"Each at its chosen setting, {best} {'alone ' if may_be_best.sum() == 1 else ''}may be the best.")
    if others := known[~may_be_best].to_dict("records"):
        behind = join(f"{row['optimizer']} {per_cent(row['behind_at_most'])}" for row in others)
        lines.append(f"Points behind the best, at most: {behind}.")
    lines += [f"{row['optimizer']} is not ranked: {why_unranked(row)}." for row in unranked.to_dict("records")]
    if len(known) > 1 and known["behind_at_most"].isna().all():
        lines.append(f"With fewer than {LEAST_SEEDS} seeds, none can be ruled out.")
    if table["trials"].nunique() > 1:
        lines.append("The numbers of trials differ: more trials find a better setting.")
    for row in table[table["edge"] != ""].to_dict("records"):
        lines.append(f"{row['optimizer']}: the chosen {row['edge']} is at the edge of its grid.")
    return lines


def why_unranked(row: Row) -> str:
    if math.isnan(row["runs"]):
        return "every trial lost a seed"
    return f"lost {row['lost_runs']:.0f} of {count(int(row['runs']), 'final seed')}"


def section(table: pd.DataFrame) -> Section:
    rows = []
    for row in table.to_dict("records"):
        rows.append(
            {
                "optimizer": row["optimizer"],
                "may be best": "" if pd.isna(row["may_be_best"]) else "yes" if row["may_be_best"] else "no",
                "test accuracy, %": spread(row, "test_accuracy", 100, 2) or why_unranked(row),
                "behind at most": per_cent(row["behind_at_most"]),
                "chosen": row["setting"],
                "lr within ½ point": "" if math.isnan(row["tolerance"]) else times(10 ** row["tolerance"]),
                "default": row["default_setting"],
                "its accuracy, %": spread(row, "default_test_accuracy", 100, 2),
            }
            | {"lost": ", ".join(filter(None, (in_lost(row, ""), in_lost(row, "default_"))))}
        )
    shown = pd.DataFrame(rows)
    return Section(
        "Ranking",
        table=shown if shown["lost"].any() else shown.drop(columns="lost"),
        caption="Means ± standard deviations over the seeds of the final runs, and the most points by which an "
        "optimizer can be behind the best. For new seeds and new test images, all these bounds hold, and a best "
        "optimizer is marked yes, in 95 % of sweeps (Hsu's comparisons with the best). The order of those that may be "
        "the best is not shown. A seed is lost if it diverges, only guesses or collapses, far below the median seed; "
        "an optimizer that lost one is not ranked. Within half a point of the best validation accuracy, the largest lr "
        "is so many times the smallest.",
        file="sweep/ranking.csv",
    )


def short(its: Section) -> pd.DataFrame:
    """The ranking's table for 80 columns."""
    shown = its.table[["optimizer", "may be best", "test accuracy, %", "behind at most", "chosen"]]
    shown["chosen"] = [text if len(text) <= 22 else f"{text[:21]}…" for text in shown["chosen"]]
    return shown.set_axis(["optimizer", "best?", "accuracy, %", "behind", "chosen"], axis=1)


def in_lost(row: Row, prefix: str) -> str:
    lost = row[f"{prefix}lost_runs"]
    return f"{lost:.0f} of {row[f'{prefix}runs']:.0f}{' (default)' if prefix else ''}" if lost > 0 else ""


def targets_section(sweep: Path) -> Section:
    targets = read_table(sweep / "targets.csv", ["optimizer"])
    return Section(
        table=pd.DataFrame(
            {"optimizer": optimizer} | epochs_to(its.to_dict("records"))
            for optimizer, its in targets.groupby("optimizer", sort=False)
        ),
        caption="Epochs until a validation accuracy is reached, by the median final run of the chosen setting. Where "
        "the lr decays, this depends on when it reaches 0: a shorter training may get there sooner.",
        file="sweep/targets.csv",
    )


if __name__ == "__main__":
    step.run(main)
