"""Rank a sweep's optimizers, and compute what a budget of trials reaches and how long a target accuracy takes."""

import json
import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from descent import sweep
from descent.files import write_table, write_text
from descent.progress import describe_targets
from descent.ranking import expected_best, groups
from descent.runs import Run
from descent.settings import hyperparameters, in_words, name_of
from descent.statistics import crossed_interval, describe, holm
from descent.steps import command_line

CHANCE = 0.1  # the accuracy of a trial that lost a seed, in an optimizer's budget
SIGNIFICANT = 0.05


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


def to_markdown(ranking: pd.DataFrame) -> str:
    """The answer, and the optimizers as a Markdown table, with accuracies in per cent."""
    ranked, lost = ranking.dropna(subset="group"), ranking[ranking["group"].isna()]
    first, *tied = ranked.loc[ranked["group"] == 1, "optimizer"].tolist() or [None]
    if first is None:
        answer = ["No optimizer is best."]
    elif ranked["test_accuracy_low"].isna().any():
        answer = [f"{first} has the highest mean; with fewer than four seeds, it may be luck."]
    elif len(ranked) == 1:
        answer = [f"Only {first} could be ranked."]
    elif tied:
        answer = [f"Each at its best, {first} has the highest mean; not significantly behind: {', '.join(tied)}."]
    else:
        answer = [f"Each at its best, {first} is significantly better than all others."]
    if ranking["trials"].nunique() > 1:
        answer.append("The numbers of trials differ: more trials find a better setting.")
    for row in ranked[ranked["edge"].astype(bool)].to_dict("records"):
        answer.append(f"{row['optimizer']}: the chosen {row['edge']} is at the edge of its grid.")
    answer += [f"{optimizer}: every trial lost a seed." for optimizer in lost["optimizer"]]
    lines = [
        *(f"- {line}" for line in answer),
        "",
        "| group | optimizer | test accuracy, % | chosen setting | default, % |",
        "| --: | --- | --: | --- | --: |",
    ]
    for row in ranked.to_dict("records"):
        accuracy = f"{row['test_accuracy_mean'] * 100:.2f}"
        if not math.isnan(row["test_accuracy_low"]):
            accuracy += f" [{row['test_accuracy_low'] * 100:.2f}, {row['test_accuracy_high'] * 100:.2f}]"
        default = f"{row['default_test_accuracy_mean'] * 100:.2f}"
        lines.append(f"| {row['group']} | {row['optimizer']} | {accuracy} | {row['setting']} | {default} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = command_line(__doc__, "Writes ranking.csv, ranking.md, budget.csv and targets.csv.")
    parser.add_argument("--grids", type=json.loads, required=True, metavar="JSON", help="the grid of each optimizer")
    parser.add_argument("--targets", type=float, nargs="*", default=[], help="validation accuracies to reach")
    parser.add_argument("--final", type=Path, required=True, help="the folder of the final runs' folders")
    parser.add_argument("--results", type=Path, required=True, help="the folder of choose's tables, also for these")
    arguments = parser.parse_args()
    results, grids = arguments.results, arguments.grids

    trials = pd.read_csv(results / "trials.csv")
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
    ranking = ranking.astype({"group": "Int64"})
    write_table(results / "ranking.csv", ranking)
    write_text(results / "ranking.md", to_markdown(ranking))

    budget = [
        {"optimizer": optimizer, "trials": k, "expected": mean, "low": low, "high": high}
        for optimizer in grids
        for k, (mean, low, high) in enumerate(
            expected_best(
                trials.loc[trials["optimizer"] == optimizer, "validation_accuracy_mean"].fillna(CHANCE).tolist()
            ),
            1,
        )
    ]
    write_table(results / "budget.csv", pd.DataFrame(budget))
    targets = [
        {"optimizer": optimizer} | row
        for optimizer, run in chosen.items()
        for row in describe_targets(run, arguments.targets)
    ]
    columns = ["optimizer", "target", "epochs", "seconds", "reached", "runs"]
    write_table(results / "targets.csv", pd.DataFrame(targets, columns=columns))


if __name__ == "__main__":
    main()
