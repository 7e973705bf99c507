"""Summarize test accuracy and loss over the seeds, and which differences are real."""

import math
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from descent.compare.statistics import SIGNIFICANT, crossed_interval, describe, holm
from descent.experiment.variants import CONSTANT, in_words
from descent.files import write_table
from descent.run import Run, read_table
from descent.step import command_line

METRICS = {"accuracy": (0, 1), "loss": (0, math.inf)}  # with their bounds
TARGETS = [0.9, 0.95, 0.965]  # test accuracies

# The columns of differences.csv, which may have no row.
DIFFERENCES = ["network", "variant", "other_network", "other", "seeds"]
DIFFERENCES += [f"test_{metric}_difference_{figure}" for metric in METRICS for figure in ("mean", "std")]
DIFFERENCES += ["test_accuracy_difference_low", "test_accuracy_difference_high", "p", "p_holm", "real"]


class Final(NamedTuple):
    """What a variant of a network reaches on the test set."""

    network: str
    variant: str
    setting: tuple[str, ...]  # what it was trained with; twins whose rule is right have the same
    last: pd.DataFrame  # after the last epoch, by seed: columns accuracy and loss
    correct: np.ndarray  # [seeds, images], 0 or 1


def read(network: str, variant: str, run: Run, wrong: set[tuple[str, str]]) -> Final:
    """Read what a variant reaches; seeds that diverged are NaN. ``wrong`` are the settings in which a rule is wrong."""
    last = run.evaluation[run.evaluation["epoch"] == run.evaluation["epoch"].max()].set_index("seed")[[*METRICS]]
    lost = last.index.isin(list(run.diverged))
    last[lost] = math.nan
    correct = run.correct.copy()
    correct[lost] = math.nan
    optimizer, its = run.record["optimizer"], in_words(run.record["hyperparameters"])
    schedule = in_words({name: run.record[name] for name in CONSTANT})
    setting = (optimizer, its, schedule, run.record["implementation"] if (optimizer, its) in wrong else "")
    return Final(network, variant, setting, last, correct)


def describe_initial(network: str, initial: pd.DataFrame) -> dict:
    """Test accuracy and loss before any training: a row of initial.csv."""
    row = {"network": network, "seeds": len(initial)}
    for metric, bounds in METRICS.items():
        row |= describe(f"test_{metric}", initial[metric], bounds)
    return row


def describe_final(final: Final, run: Run) -> dict:
    """A row of summary.csv. If a seed diverged, there is no mean: it would mix trained and lost networks."""
    losses = run.evaluation.groupby("epoch")["loss"].mean()
    row = {
        "network": final.network,
        "variant": final.variant,
        "seeds": len(final.last),
        "diverged_seeds": len(run.diverged),
        "diverged_iteration": min(run.diverged.values(), default=math.nan),
    }
    for metric, bounds in METRICS.items():
        row |= describe(f"test_{metric}", final.last[metric], bounds)
    row["test_accuracy_worst_seed"] = final.last["accuracy"].min(skipna=False)
    by_seed = ("diverged" if math.isnan(value) else f"{value:.4f}" for value in final.last["accuracy"])
    lowest = math.nan if run.diverged else losses.idxmin() + 1
    return row | {"test_accuracy_by_seed": " ".join(by_seed), "lowest_test_loss_epochs": lowest}


def contrasts(finals: Iterable[Final]) -> list[tuple[Final, Final]]:
    """The pairs to compare: two settings in one network, and a setting in two networks.

    Twins have one setting, so they count once, under the first one's name.
    """
    once: dict[tuple[str, ...], Final] = {}
    for final in finals:
        once.setdefault((final.network, *final.setting), final)
    return [
        (one, other)
        for other, one in combinations(once.values(), 2)
        if one.network == other.network or one.variant == other.variant
    ]


def describe_difference(one: Final, other: Final) -> dict:
    """``one`` minus ``other``, seed by seed: a row of differences.csv, without its last two columns.

    Variants of a network start alike and see the same minibatches, seed by seed, so what the seed adds to both
    cancels. The interval from ``_low`` to ``_high`` is that of ``crossed_interval``.
    """
    low, high, p = crossed_interval(one.correct - other.correct)
    row: dict[str, Any] = {"network": one.network, "variant": one.variant}
    row |= {"other_network": other.network, "other": other.variant, "seeds": len(one.last)}
    for metric in METRICS:
        row |= describe(f"test_{metric}_difference", one.last[metric] - other.last[metric])
    return row | {"test_accuracy_difference_low": low, "test_accuracy_difference_high": high, "p": p}


def describe_differences(pairs: list[tuple[Final, Final]]) -> pd.DataFrame:
    """differences.csv: a difference is ``real`` if its p, corrected for the number of contrasts, is below 5 %."""
    table = pd.DataFrame([describe_difference(*pair) for pair in pairs], columns=DIFFERENCES)
    table["p_holm"] = holm(table["p"])
    table["real"] = (table["p_holm"] < SIGNIFICANT).where(table["p"].notna())
    return table


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


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes initial.csv (one row per network), summary.csv (one row per network and variant), differences.csv "
        "(one row per contrast), targets.csv (one row per network, variant and target accuracy) and epochs.csv (one "
        "row per network, variant, seed and epoch).",
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--variants", nargs="+", required=True)
    arguments = parser.parse_args()
    results = arguments.results

    checked = read_table(results / "optimizers.csv")
    different = checked[checked["verdict"] == "different"]
    wrong = set(zip(different["optimizer"], different["setting"]))
    initial, summary, finals, targets, epochs = [], [], [], [], []
    for network in arguments.networks:
        initial.append(describe_initial(network, pd.read_csv(results / network / "initial.csv")))
        for variant in arguments.variants:
            run, names = Run(results / network / variant), {"network": network, "variant": variant}
            finals.append(read(network, variant, run, wrong))
            summary.append(describe_final(finals[-1], run))
            targets += [names | row for row in run.describe_targets(TARGETS)]
            epochs.append(running_means(network, variant, run))
    tables = {
        "initial": pd.DataFrame(initial),
        "summary": pd.DataFrame(summary),
        "differences": describe_differences(contrasts(finals)),
        "targets": pd.DataFrame(targets),
        "epochs": pd.concat(epochs),
    }
    for name, table in tables.items():
        write_table(results / f"{name}.csv", table)
        print(f"{results / name}.csv: {len(table)} rows")


if __name__ == "__main__":
    main()
