"""Write what the networks reach on the test set, with its spread over seeds, and how the variants differ."""

import math
from collections.abc import Collection
from itertools import combinations
from pathlib import Path

import pandas as pd

from descent.files import write_table, write_text
from descent.runs import Run
from descent.statistics import describe
from descent.steps import command_line

METRICS = ["accuracy", "loss"]

# The columns of differences.csv, which may have no row.
DIFFERENCES = ["network", "variant", "other", "seeds"] + [
    f"test_{metric}_difference_{figure}" for metric in METRICS for figure in ("mean", "std", "low", "high")
]


def last_epoch(evaluation: pd.DataFrame, diverged: Collection[int]) -> pd.DataFrame:
    """Test loss and accuracy after the last epoch, indexed by seed; NaN for seeds that ``diverged``."""
    last = evaluation[evaluation["epoch"] == evaluation["epoch"].max()].set_index("seed")[METRICS]
    return last.drop(list(diverged)).reindex(last.index)


def describe_initial(network: str, initial: pd.DataFrame) -> dict:
    """Test accuracy and loss before any training: a row of initial.csv."""
    row = {"network": network, "seeds": len(initial)}
    for metric in METRICS:
        row |= describe(f"test_{metric}", initial[metric])
    return row


def describe_run(network: str, variant: str, last: pd.DataFrame, diverged: dict[int, int]) -> dict:
    """What ``last_epoch`` gave, over the seeds: a row of summary.csv; ``diverged`` is that of a ``Run``.

    Where a seed diverged there is no mean: it would be one of trained and of lost networks.
    """
    row = {
        "network": network,
        "variant": variant,
        "seeds": len(last),
        "diverged_seeds": len(diverged),
        "diverged_iteration": min(diverged.values(), default=math.nan),
    }
    for metric in METRICS:
        row |= describe(f"test_{metric}", last[metric])
    return row


def describe_difference(network: str, variant: str, other: str, one: pd.DataFrame, two: pd.DataFrame) -> dict:
    """``variant`` less ``other``, seed by seed, after the last epoch: a row of differences.csv.

    Both start alike and see the same minibatches, seed by seed, so what the seed brings to both drops out.
    """
    difference = one - two
    row = {"network": network, "variant": variant, "other": other, "seeds": len(difference)}
    for metric in METRICS:
        row |= describe(f"test_{metric}_difference", difference[metric])
    return row


def to_markdown(summary: pd.DataFrame, differences: pd.DataFrame) -> str:
    """The tables as people read them: accuracies in per cent."""

    def spread(row: pd.Series, metric: str, scale: float, digits: int) -> str:
        mean, std = row[f"{metric}_mean"] * scale, row[f"{metric}_std"] * scale
        low, high = row[f"{metric}_low"] * scale, row[f"{metric}_high"] * scale
        if math.isnan(mean):
            return "diverged"
        if row["seeds"] == 1:
            return f"{mean:.{digits}f} (one seed: no spread)"
        return f"{mean:.{digits}f} ± {std:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"

    lines = [
        "| network | variant | seeds | test accuracy, % | test loss, nats |",
        "| --- | --- | --: | --: | --: |",
    ]
    for _, row in summary.iterrows():
        lost = (
            f"diverged: {row['diverged_seeds']} of {row['seeds']} seeds, from iteration {row['diverged_iteration']:.0f}"
        )
        lines.append(
            f"| {row['network']} | {row['variant']} | {row['seeds']} "
            f"| {lost if row['diverged_seeds'] else spread(row, 'test_accuracy', 100, 2)} "
            f"| {spread(row, 'test_loss', 1, 4)} |"
        )
    lines += ["", "Mean ± standard deviation over seeds, and in brackets the 95 % Student interval of the mean.", ""]
    if len(differences):
        lines += [
            "| network | difference | seeds | of test accuracy, points | of test loss, nats |",
            "| --- | --- | --: | --: | --: |",
        ]
        for _, row in differences.iterrows():
            lines.append(
                f"| {row['network']} | {row['variant']} − {row['other']} | {row['seeds']} "
                f"| {spread(row, 'test_accuracy_difference', 100, 2)} "
                f"| {spread(row, 'test_loss_difference', 1, 4)} |"
            )
        lines += ["", "Differences are taken seed by seed: both variants start alike and see the same minibatches.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes initial.csv (one row per network), summary.csv (one row per network and variant), "
        "differences.csv (one row per network and pair of variants) and summary.md.",
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder with the results of all steps")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--variants", nargs="+", required=True)
    arguments = parser.parse_args()
    results = arguments.results

    initial, summary, differences = [], [], []
    for network in arguments.networks:
        initial.append(describe_initial(network, pd.read_csv(results / network / "initial.csv")))
        last = {}
        for variant in arguments.variants:
            run = Run(results / network / variant)
            last[variant] = last_epoch(run.evaluation, run.diverged)
            summary.append(describe_run(network, variant, last[variant], run.diverged))
        for other, variant in combinations(arguments.variants, 2):
            differences.append(describe_difference(network, variant, other, last[variant], last[other]))

    summary, differences = pd.DataFrame(summary), pd.DataFrame(differences, columns=DIFFERENCES)
    write_table(results / "initial.csv", pd.DataFrame(initial))
    write_table(results / "summary.csv", summary)
    write_table(results / "differences.csv", differences)
    write_text(results / "summary.md", to_markdown(summary, differences))


if __name__ == "__main__":
    main()
