"""How well does each variant do on the test set? Mean and spread over the seeds, and which differences are real."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from descent import step
from descent.compare.differences import METRICS, Outcome, contrasts, describe_differences, outcome
from descent.compare.statistics import LEAST_SEEDS, describe
from descent.files import write_table
from descent.run import Run, guesses, read_table, same_bits
from descent.words import Row, Section, count, interval, join, per_cent, spread

TARGETS = [0.9, 0.95, 0.965]  # test accuracies
UNTRAINED_LOSS = 3  # nats: the loss of no minibatch of an untrained network is as high; 2.3 on average
KEY = ["network", "variant"]
MAIN_COLUMNS = [*KEY, "test accuracy, %"]  # of the summary, for 80 columns

Names = Mapping[str, Mapping[str, list[str]]]  # by network, the variants that are bit-identical, as `same_bits`


def describe_initial(network: str, initial: pd.DataFrame) -> Row:
    """Test accuracy and loss before any training: a row of initial.csv."""
    row = {"network": network, "seeds": len(initial)}
    for metric, bounds in METRICS.items():
        row |= describe(f"test_{metric}", initial[metric], bounds)
    return row


def describe_final(its: Outcome, run: Run) -> Row:
    """A row of summary.csv. If a seed diverged, there is no mean: it would mix trained and lost networks."""
    losses = run.evaluation.groupby("epoch")["loss"].mean()
    row = {"network": its.network, "variant": its.variant, "seeds": len(its.last), "diverged_seeds": len(run.diverged)}
    row["diverged_iteration"] = min(run.diverged.values(), default=math.nan)
    row["guessing_seeds"] = guesses(its.last).sum()
    row["highest_training_loss"] = run.training["loss"].max()
    for metric, bounds in METRICS.items():
        row |= describe(f"test_{metric}", its.last[metric], bounds)
    row["test_accuracy_worst_seed"] = its.last["accuracy"].min(skipna=False)
    by_seed = ("diverged" if math.isnan(value) else f"{value:.4f}" for value in its.last["accuracy"])
    lowest = math.nan if run.diverged else losses.idxmin() + 1
    return row | {"test_accuracy_by_seed": " ".join(by_seed), "lowest_test_loss_epochs": lowest}


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
    return table[columns].assign(network=network, variant=variant)[[*KEY, *columns]]


def main(results: step.Results, networks: list[str], variants: list[str]) -> None:
    """Writes initial.csv (one row per network), summary.csv (one row per network and variant), differences.csv (one row
    per contrast), targets.csv (one row per network, variant and target accuracy) and epochs.csv (one row per network,
    variant, seed and epoch).
    """
    initial, summary, finals, targets, epochs = [], [], [], [], []
    for network in networks:
        initial.append(describe_initial(network, pd.read_csv(results / network / "initial.csv")))
        runs = {variant: Run(results / network / variant) for variant in variants}
        reached = {variant: outcome(network, variant, run) for variant, run in runs.items()}
        finals += [reached[variant] for variant in same_bits(runs)]
        for variant, run in runs.items():
            summary.append(describe_final(reached[variant], run))
            targets += [{"network": network, "variant": variant} | row for row in run.describe_targets(TARGETS)]
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


def summarized(results: Path) -> pd.DataFrame:
    """summary.csv"""
    return read_table(results / "summary.csv", [*KEY, "test_accuracy_by_seed"])


def answer(summary: pd.DataFrame) -> list[str]:
    """Which variants diverged or only guess, on any network, and whether there are too few seeds."""
    lost = {"diverged": summary["diverged_seeds"] > 0}
    lost["only guess"] = (summary["guessing_seeds"] > 0) & ~lost["diverged"]
    names = {what: summary.loc[its, "variant"].unique() for what, its in lost.items() if its.any()}
    lines = [f"{'; '.join(f'{join(its)} {what}' for what, its in names.items())}: see their curves."] if names else []
    if (seeds := summary["seeds"].iloc[0]) < LEAST_SEEDS:
        return [*lines, f"Only {count(seeds, 'seed')}: intervals and verdicts need {LEAST_SEEDS} or more."]
    return lines


def problems(rows: list[Row]) -> list[str]:
    """Of a network's rows of summary.csv, those that diverged or only guess, and what to do."""
    found: dict[str, list[str]] = {}
    for row in rows:
        of_seeds = f"of {count(row['seeds'], 'seed')}"
        if row["diverged_seeds"]:
            where = f"{row['diverged_seeds']} {of_seeds}, from iteration {row['diverged_iteration']:.0f} on"
            found.setdefault("diverged. Try a lower learning rate.", []).append(f"{row['variant']} ({where})")
        elif row["guessing_seeds"]:
            high = row["highest_training_loss"] > UNTRAINED_LOSS
            why = f"only guess. Their loss {'exceeded' if high else 'stayed below'} {UNTRAINED_LOSS}: try a "
            why += "lower learning rate." if high else "higher learning rate, or more epochs."
            found.setdefault(why, []).append(f"{row['variant']} ({row['guessing_seeds']} {of_seeds})")
    return [f"{join(names)} {what}" for what, names in found.items()]


def in_per_cent(row: Row) -> str:
    """Of a row of summary.csv or initial.csv, in per cent."""
    return "diverged" if row.get("diverged_seeds") else f"{spread(row, 'test_accuracy', 100, 2)} %"


def section(summary: pd.DataFrame, names: Names) -> Section:
    rows = []
    for row in once(summary, names):
        reached = spread(row, "test_accuracy", 100, 2)
        if row["diverged_seeds"]:
            reached = f"diverged: {row['diverged_seeds']} of {row['seeds']} seeds"
        elif row["guessing_seeds"]:
            reached += f" ({row['guessing_seeds']} of {row['seeds']} guess)"
        rows.append(
            {name: row[name] for name in (*KEY, "seeds")}
            | {"test accuracy, %": reached}
            | {"95 % interval": interval(row, "test_accuracy", 100, 2)}
            | {"worst seed": per_cent(row["test_accuracy_worst_seed"])}
            | {"test loss, nats": spread(row, "test_loss") or "diverged"}
        )
    return Section(
        "How well does each variant do?",
        table=pd.DataFrame(rows),
        caption="After the last epoch, on all test images: mean ± standard deviation over seeds, and Student's 95 % "
        "interval of the mean, for these test images. The loss is the mean cross entropy.",
        file="summary.csv",
    )


def targets_section(results: Path, summary: pd.DataFrame, names: Names) -> Section:
    targets = read_table(results / "targets.csv", KEY)
    rows = []
    for row in once(summary, names):
        its = targets[(targets["network"] == row["network"]) & (targets["variant"] == row["first"])]
        lowest = row["lowest_test_loss_epochs"]
        rows.append(
            {name: row[name] for name in KEY}
            | epochs_to(its.to_dict("records"))
            | {"lowest test loss after": "" if math.isnan(lowest) else f"{lowest:.0f}"}
        )
    return Section(
        table=pd.DataFrame(rows),
        caption="Epochs until a test accuracy is reached, by the median seed; and the epoch after which the mean test "
        "loss is lowest, from `results/summary.csv`.",
        file="targets.csv",
        folded="How soon is each accuracy reached?",
    )


def epochs_to(targets: list[Row]) -> dict[str, str]:
    """The targets of a run, as columns."""
    return {
        f"epochs to {per_cent(row['target'], 'g')} %": "never" if math.isnan(row["epochs"]) else f"{row['epochs']:g}"
        for row in targets
    }


def once(summary: pd.DataFrame, names: Names) -> list[Row]:
    """The rows of summary.csv, with a single one, that of the ``first``, for variants that are bit-identical."""
    return [
        row | {"first": row["variant"], "variant": ", ".join(names[row["network"]][row["variant"]])}
        for row in summary.to_dict("records")
        if row["variant"] in names[row["network"]]
    ]


if __name__ == "__main__":
    step.run(main)
