"""Summarize test accuracy and loss over the seeds, and which differences are real."""

import math
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from descent.files import write_json, write_table, write_text
from descent.progress import describe_targets, describe_turning
from descent.runs import Run
from descent.statistics import crossed_interval, describe, holm
from descent.steps import command_line

METRICS = {"accuracy": (0, 1), "loss": (0, math.inf)}  # with their bounds
SIGNIFICANT = 0.05
TARGETS = [0.9, 0.95, 0.965]  # test accuracies

# The columns of differences.csv, which may have no row.
DIFFERENCES = ["network", "variant", "other_network", "other", "seeds"] + [
    f"test_{metric}_difference_{figure}" for metric in METRICS for figure in ("mean", "std", "low", "high")
]
DIFFERENCES += [f"test_accuracy_difference_{figure}_new_images" for figure in ("low", "high")]
DIFFERENCES += ["p", "p_holm", "real"]


class Final(NamedTuple):
    """What a variant of a network reaches on the test set."""

    network: str
    variant: str
    last: pd.DataFrame  # after the last epoch, by seed: columns accuracy and loss
    correct: np.ndarray  # [seeds, images], 0 or 1
    checksums: dict[str, str]  # of what was trained: equal ones are equal to the bit


def read(network: str, variant: str, run: Run) -> Final:
    """Read what a variant reaches; seeds that diverged are NaN."""
    last = run.evaluation[run.evaluation["epoch"] == run.evaluation["epoch"].max()].set_index("seed")[[*METRICS]]
    lost = last.index.isin(list(run.diverged))
    last[lost] = math.nan
    correct = run.correct.copy()
    correct[lost] = math.nan
    return Final(network, variant, last, correct, run.record["sha256"])


def describe_initial(network: str, initial: pd.DataFrame) -> dict:
    """Test accuracy and loss before any training: a row of initial.csv."""
    row = {"network": network, "seeds": len(initial)}
    for metric, bounds in METRICS.items():
        row |= describe(f"test_{metric}", initial[metric], bounds)
    return row


def describe_final(final: Final, diverged: dict[int, int]) -> dict:
    """A row of summary.csv; ``diverged`` is that of a ``Run``.

    If a seed diverged, there is no mean: it would mix trained and lost networks.
    """
    row = {
        "network": final.network,
        "variant": final.variant,
        "seeds": len(final.last),
        "diverged_seeds": len(diverged),
        "diverged_iteration": min(diverged.values(), default=math.nan),
    }
    for metric, bounds in METRICS.items():
        row |= describe(f"test_{metric}", final.last[metric], bounds)
    by_seed = ("diverged" if math.isnan(value) else f"{value:.4f}" for value in final.last["accuracy"])
    return row | {"test_accuracy_by_seed": " ".join(by_seed)}


def contrasts(finals: Iterable[Final]) -> list[tuple[Final, Final]]:
    """The pairs to compare: two variants of one network, and a variant in two networks.

    Variants that are the same to the bit, as twins may be, count once, under the first one's name.
    """
    once: dict[tuple[str, ...], Final] = {}
    for final in finals:
        once.setdefault((final.network, *final.checksums.values()), final)
    return [
        (one, other)
        for other, one in combinations(once.values(), 2)
        if one.network == other.network or one.variant == other.variant
    ]


def describe_difference(one: Final, other: Final) -> dict:
    """``one`` minus ``other``, seed by seed: a row of differences.csv, without its last two columns.

    Variants of a network start alike and see the same minibatches, seed by seed, so what the seed adds to both
    cancels. The interval ``_low`` to ``_high`` is for new seeds on these test images, ``_new_images`` for new seeds
    and new images.
    """
    row: dict[str, Any] = {"network": one.network, "variant": one.variant}
    row |= {"other_network": other.network, "other": other.variant, "seeds": len(one.last)}
    for metric in METRICS:
        row |= describe(f"test_{metric}_difference", one.last[metric] - other.last[metric])
    low, high, p = crossed_interval(one.correct - other.correct)
    return row | {
        "test_accuracy_difference_low_new_images": low,
        "test_accuracy_difference_high_new_images": high,
        "p": p,
    }


def describe_differences(pairs: list[tuple[Final, Final]]) -> pd.DataFrame:
    """differences.csv: a difference is ``real`` if its p, corrected for the number of contrasts, is below 5 %."""
    table = pd.DataFrame([describe_difference(*pair) for pair in pairs], columns=DIFFERENCES)
    table["p_holm"] = holm(table["p"])
    table["real"] = (table["p_holm"] < SIGNIFICANT).where(table["p"].notna())
    return table


def find_best(summary: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """best.csv: each network's variant with the highest mean test accuracy, and its difference to the next one.

    A variant that is the same to the bit is not the next one. Cells are empty if all variants diverged, or if there is
    no next one.
    """
    rows = []
    for network, variants in summary.groupby("network", sort=False):
        ranked = variants.dropna(subset="test_accuracy_mean")
        ranked = ranked.sort_values("test_accuracy_mean", ascending=False, kind="stable")["variant"].tolist()
        row = {"network": network, "best": ranked[0] if ranked else None}
        within = differences[(differences["network"] == network) & (differences["other_network"] == network)]
        pairs = {frozenset([found["variant"], found["other"]]): found for found in within.to_dict("records")}
        following = next((other for other in ranked[1:] if frozenset([ranked[0], other]) in pairs), None)
        if following:
            found = pairs[frozenset([ranked[0], following])]
            sign = 1 if found["variant"] == ranked[0] else -1
            mean, *ends = (
                sign * found[f"test_accuracy_difference_{figure}"]
                for figure in ("mean", "low_new_images", "high_new_images")
            )
            low, high = sorted(ends)
            row |= {"next": following, "difference": mean, "low": low, "high": high, "real": found["real"]}
        rows.append(row)
    return pd.DataFrame(rows, columns=["network", "best", "next", "difference", "low", "high", "real"])


def running_means(network: str, variant: str, run: Run) -> pd.DataFrame:
    """What the lab prints after each epoch: the rows of epochs.csv, one per seed and epoch.

    Training loss and accuracy are means over all minibatches since the first; test loss and accuracy are of the epoch's
    end.
    """
    by_epoch = run.training.groupby(["seed", "epoch"], sort=False)[[*METRICS]].agg(["sum", "size"])
    so_far = by_epoch.groupby("seed", sort=False).cumsum()
    table = run.evaluation.rename(columns={metric: f"test_{metric}" for metric in METRICS})
    for metric in METRICS:
        table[f"train_{metric}"] = (so_far[metric, "sum"] / so_far[metric, "size"]).to_numpy()
    columns = ["seed", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    return table[columns].assign(network=network, variant=variant)[["network", "variant", *columns]]


def to_markdown(summary: pd.DataFrame, differences: pd.DataFrame) -> str:
    """The tables in Markdown, with accuracies in per cent."""

    def spread(row: pd.Series, metric: str, scale: float, digits: int, interval: str = "") -> str:
        mean, std = row[f"{metric}_mean"] * scale, row[f"{metric}_std"] * scale
        low, high = row[f"{metric}_low{interval}"] * scale, row[f"{metric}_high{interval}"] * scale
        if math.isnan(mean):
            return "diverged"
        if row["seeds"] == 1:
            return f"{mean:.{digits}f} (one seed: no spread)"
        text = f"{mean:.{digits}f} ± {std:.{digits}f}"
        return text if math.isnan(low) else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"

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
            "| difference | seeds | of test accuracy, points | of test loss, nats | real? |",
            "| --- | --: | --: | --: | --- |",
        ]
        for _, row in differences.iterrows():
            verdict = "unknown" if pd.isna(row["real"]) else "yes" if row["real"] else "no"
            lines.append(
                f"| {contrast_name(row)} | {row['seeds']} "
                f"| {spread(row, 'test_accuracy_difference', 100, 2, '_new_images')} "
                f"| {spread(row, 'test_loss_difference', 1, 4)} | {verdict} |"
            )
        lines += [
            "",
            "Differences are taken seed by seed. The interval of the accuracy is for new seeds and new test images; a",
            "difference is real if its p-value, corrected for the number of contrasts by Holm's method, is below 0.05.",
            "",
        ]
    return "\n".join(lines)


def answer(best: pd.DataFrame) -> str:
    """One line per network: its best variant, and how sure that is."""
    lines = []
    for row in best.to_dict("records"):
        line = (
            f"{row['network']}: {row['best']} is best" if row["best"] else f"{row['network']}: every variant diverged"
        )
        if not math.isnan(row["difference"]):
            line += f", {row['difference'] * 100:.2f} points of test accuracy above {row['next']}"
        if not math.isnan(row["low"]):
            line += f" (95 % interval {row['low'] * 100:.2f} to {row['high'] * 100:.2f}): "
            line += "a real difference" if row["real"] else "it may be luck"
        lines.append(f"- {line}.")
    return "\n".join(lines)


def contrast_name(row: pd.Series) -> str:
    if row["network"] == row["other_network"]:
        return f"{row['network']}: {row['variant']} − {row['other']}"
    return f"{row['variant']}: {row['network']} − {row['other_network']}"


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes initial.csv (one row per network), summary.csv (one row per network and variant), differences.csv "
        "(one row per contrast), best.csv (one row per network), epochs.csv (one row per network, variant, seed and "
        "epoch), progress.json (when each variant reaches an accuracy, and whether it overfits) and summary.md.",
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--variants", nargs="+", required=True)
    arguments = parser.parse_args()
    results = arguments.results

    initial, summary, finals, epochs, progress = [], [], [], [], []
    for network in arguments.networks:
        initial.append(describe_initial(network, pd.read_csv(results / network / "initial.csv")))
        for variant in arguments.variants:
            run = Run(results / network / variant)
            finals.append(read(network, variant, run))
            summary.append(describe_final(finals[-1], run.diverged))
            epochs.append(running_means(network, variant, run))
            targets = [
                {name: None if math.isnan(value) else float(value) for name, value in row.items()}
                for row in describe_targets(run, TARGETS)
            ]
            progress.append({"network": network, "variant": variant, **describe_turning(run), "targets": targets})

    summary, differences = pd.DataFrame(summary), describe_differences(contrasts(finals))
    best = find_best(summary, differences)
    write_table(results / "initial.csv", pd.DataFrame(initial))
    write_table(results / "summary.csv", summary)
    write_table(results / "differences.csv", differences)
    write_table(results / "best.csv", best)
    write_table(results / "epochs.csv", pd.concat(epochs))
    write_json(results / "progress.json", progress)
    write_text(results / "summary.md", f"{answer(best)}\n\n{to_markdown(summary, differences)}")


if __name__ == "__main__":
    main()
