"""Does a run reproduce the figures that the lab's sheet printed?

One figure of each optimizer decides: the mean training loss over all epochs, the last running mean that the sheet
prints. Its log varies over seeds with the standard deviation SPREAD, so the mean over the sheet's two runs and the mean
over our n seeds differ by at most ``limit`` in 95 % of cases in which both trained the same. docs/verdicts.md says how
often the verdict is wrong.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from descent import WORKFLOW, step
from descent.compare.statistics import SIGNIFICANT
from descent.experiment.variants import CONSTANT
from descent.files import write_table
from descent.run import Run, read_table
from descent.words import Row, Section, join, per_cent, spread

SHEET = WORKFLOW / "resources/published.csv"
SHEETS_RUNS = 2  # of each optimizer, all from different initial parameters
SPREAD = 0.0253  # over 200 seeds 0.0226 (SGD) and 0.0278 (momentum), with 50 hidden units: benchmarks/sheet.py

# The lab's.
LABS_TRAINING = CONSTANT | {"epochs": 20, "batch_size": 128, "shuffle": False, "drop_last": True, "activation": "relu"}
LAB = {"sgd": {"lr": 0.01}, "momentum": {"lr": 0.01, "momentum": 0.9}}

REPRODUCED, NOT_REPRODUCED, NOT_COMPARED = "reproduced", "not reproduced", "not compared"
VERDICTS = ["network", "optimizer", "variant", "seeds", "sheet", "ours", "log_ratio", "limit", "verdict", "left_out"]
FIGURES = ["network", "variant", "epoch", "split", "metric", "published", "seeds", "mean", "std"]


def load_sheet() -> pd.DataFrame:
    """The sheet's figures: variant, epoch, split, loss, accuracy."""
    return read_table(SHEET, ["variant"]).astype({"epoch": "Int64"})


def limit(seeds: int, optimizers: int) -> float:
    """What |log(sheet / ours)| exceeds for one or more of some optimizers with a probability of 5 %, by chance."""
    return -ndtri(SIGNIFICANT / (2 * optimizers)) * SPREAD * math.sqrt(1 / SHEETS_RUNS + 1 / seeds)


def match(record: Mapping[str, Any]) -> tuple[str, str | None]:
    """The lab's training that a run is compared with, by its run.json, and the first departure from it, or None.

    The training is ``sgd`` or ``momentum``. A hyperparameter of 0 or false counts as absent.
    """
    given = {name: value for name, value in record["hyperparameters"].items() if value}
    optimizer = "momentum" if "momentum" in given else "sgd"
    labs = {"optimizer": "sgd"} | LABS_TRAINING | LAB[optimizer]
    ours = {name: record[name] for name in ("optimizer", *LABS_TRAINING)} | given
    for name in labs | ours:
        if ours.get(name) != labs.get(name):
            labs_is = f"the lab's is {labs[name]}" if name in labs else "the lab has none"
            return optimizer, f"{name} is {ours.get(name)}, {labs_is}"
    return optimizer, None


def judge(network: str, runs: Mapping[str, Run], sheet: pd.DataFrame) -> list[Row]:
    """Compare the first of a network's ``runs`` that repeats a training of the lab's: a row (VERDICTS) per optimizer.

    The losses ``sheet`` and ``ours`` are geometric means over the runs and over the seeds. ``left_out`` says why the
    optimizer's other runs are not compared.
    """
    matches = {variant: match(run.record) for variant, run in runs.items()}
    last = sheet[sheet["split"] == "train_cumulative"].groupby("variant")["loss"].last()
    compared = {optimizer: variant for variant, (optimizer, departure) in [*matches.items()][::-1] if not departure}
    rows = []
    for optimizer in LAB:
        left_out = "; ".join(f"{variant}: {why}" for variant, (its, why) in matches.items() if its == optimizer and why)
        row: dict[str, Any] = {"network": network, "optimizer": optimizer, "verdict": NOT_COMPARED}
        row["left_out"] = left_out
        if optimizer in compared:
            losses = runs[compared[optimizer]].training.groupby("seed")["loss"].mean()
            losses[list(runs[compared[optimizer]].diverged)] = math.inf
            ours, sheets = np.log(losses).mean(), np.log(last[[f"custom_{optimizer}", f"torch_{optimizer}"]]).mean()
            allowed = limit(len(losses), len(compared))
            row |= {"variant": compared[optimizer], "seeds": len(losses), "limit": allowed}
            row |= {"sheet": math.exp(sheets), "ours": math.exp(ours), "log_ratio": sheets - ours}
            row["verdict"] = REPRODUCED if abs(sheets - ours) <= allowed else NOT_REPRODUCED
        rows.append(row)
    return rows


def side_by_side(sheet: pd.DataFrame, epochs: pd.DataFrame, initial: pd.DataFrame) -> pd.DataFrame:
    """The sheet's figures that a network has too (FIGURES), with the mean and the standard deviation over its seeds.

    ``epochs`` are its rows of epochs.csv, ``initial`` is its initial.csv.
    """
    metrics = ["loss", "accuracy"]
    names = {"test": {f"test_{metric}": metric for metric in metrics}}
    names["train_cumulative"] = {f"train_{metric}": metric for metric in metrics}
    parts = [
        epochs.rename(columns=its)[["variant", "epoch", *metrics]].assign(split=split) for split, its in names.items()
    ]
    ours = pd.concat([*parts, initial[metrics].assign(variant="initial", epoch=math.nan, split="test")])
    key = ["variant", "epoch", "split", "metric"]
    ours = ours.melt(key[:3], metrics, "metric").groupby(key, dropna=False)["value"]
    ours = ours.agg(seeds="size", mean=lambda its: its.mean(skipna=False), std=lambda its: its.std(skipna=False))
    sheet = sheet.astype({"epoch": float}).melt(key[:3], metrics, "metric", "published")
    return sheet.merge(ours.reset_index(), on=key)


def rename(sheet: pd.DataFrame, runs: Mapping[str, Run]) -> pd.DataFrame:
    """The sheet's rows for which we have the same implementation and setting, under our variant's name."""
    names = {"initial": "initial"}
    for variant, run in runs.items():
        optimizer, departure = match(run.record)
        if not departure:
            names.setdefault(f"{run.record['implementation']}_{optimizer}", variant)
    return sheet.assign(variant=sheet["variant"].map(names)).dropna(subset="variant")


def main(results: step.Results, networks: list[str], variants: list[str], mnist: bool) -> None:
    """Writes reproduction.csv (one row per network and optimizer: the verdict) and published.csv (one row per network
    and printed figure). With data that is not MNIST, nothing is compared.
    """
    epochs, sheet = read_table(results / "epochs.csv", ["network", "variant"]), load_sheet()
    figures, verdicts = [pd.DataFrame(columns=FIGURES)], []
    for network in networks if mnist else []:
        runs = {variant: Run(results / network / variant) for variant in variants}
        its_epochs, initial = epochs[epochs["network"] == network], pd.read_csv(results / network / "initial.csv")
        figures.append(side_by_side(rename(sheet, runs), its_epochs, initial).assign(network=network))
        verdicts += judge(network, runs, sheet)
    table = pd.DataFrame(verdicts, columns=VERDICTS)
    for row in verdicts:
        print(f"{row['network']}: {row['optimizer']}: {row['verdict']}")
    if not mnist:
        print("the data is not MNIST: nothing is compared")
    write_table(results / "published.csv", pd.concat(figures)[FIGURES].astype({"epoch": "Int64"}))
    write_table(results / "reproduction.csv", table.astype({"seeds": "Int64"}))


def judged(results: Path) -> dict[str, pd.DataFrame]:
    """reproduction.csv, by network; empty if the data is not MNIST."""
    table = read_table(results / "reproduction.csv", ["network", "optimizer", "variant", "verdict", "left_out"])
    return dict(list(table.groupby("network", sort=False)))


def verdict(rows: pd.DataFrame) -> str:
    """Of a network, from its rows of reproduction.csv."""
    its = rows.loc[rows["log_ratio"].notna(), "verdict"]
    if its.empty:
        return NOT_COMPARED
    return REPRODUCED if (its == REPRODUCED).all() else NOT_REPRODUCED


def answer(judged: Mapping[str, pd.DataFrame]) -> list[str]:
    """One sentence for all networks, if there are any."""
    groups: dict[str, list[str]] = {}
    for network, rows in judged.items():
        groups.setdefault(verdict(rows), []).append(network)
    with_words = {REPRODUCED: "reproduced by", NOT_REPRODUCED: "not reproduced by", NOT_COMPARED: "not compared with"}
    said = [f"{words} {join(groups[its])}" for its, words in with_words.items() if its in groups]
    return [f"The lab's printed losses are {join(said)}."] if said else []


def in_a_sentence(network: str, rows: pd.DataFrame) -> str:
    """A network's rows of reproduction.csv."""
    compared = rows.dropna(subset="log_ratio").to_dict("records")
    left_out = "; ".join(filter(None, rows.loc[rows["log_ratio"].isna(), "left_out"]))
    why = f" Not compared: {left_out}." if left_out else ""
    if not compared:
        return f"{network}: no variant repeats one of the lab's trainings.{why}"
    said = "reproduces" if verdict(rows) == REPRODUCED else "does not reproduce"
    apart = join(f"{above_or_below(row['log_ratio'])} ours for {row['optimizer']}" for row in compared)
    return (
        f"{network} {said} the lab's printed figures: the sheet's mean training loss over all epochs is {apart}; "
        f"by chance they differ by up to {per_cent(-np.expm1(-compared[0]['limit']), '.1f')} %."
    ) + why


def above_or_below(log_ratio: float) -> str:
    if math.isinf(log_ratio):
        return "finite, unlike"
    return f"{per_cent(abs(np.expm1(log_ratio)), '.1f')} % {'above' if log_ratio > 0 else 'below'}"


def sections(results: Path, judged: Mapping[str, pd.DataFrame]) -> list[Section]:
    """The last figures that the sheet printed of each training, beside ours; none if the data is not MNIST."""
    table = read_table(results / "published.csv", ["network", "variant", "split", "metric"])
    last = table[(table["epoch"] == table["epoch"].max()) | (table["variant"] == "initial")]
    rows = []
    for row in last.to_dict("records"):
        scale, digits, unit = (100, 2, "%") if row["metric"] == "accuracy" else (1, 4, "nats")
        figure = "test" if row["split"] == "test" else "mean training"
        rows.append(
            {"network": row["network"], "variant": row["variant"], "figure": f"{figure} {row['metric']}, {unit}"}
            | {"sheet": f"{row['published'] * scale:.{digits}f}"}
            | {"ours": spread({"x_mean": row["mean"], "x_std": row["std"]}, "x", scale, digits) or "diverged"}
        )
    how = (
        "The lab's sheet printed the mean training loss over all epochs for two trainings with SGD and two with "
        "momentum. It is compared with the runs here that repeat the lab's settings. If both trained the same, the two "
        "losses of a network would be further apart than stated in at most one of twenty cases."
    )
    return (
        [
            Section(
                "Does it reproduce the lab's figures?",
                how,
                [in_a_sentence(network, its) for network, its in judged.items()],
                pd.DataFrame(rows),
                "What the sheet printed last of each training, and our mean ± standard deviation over seeds. The "
                "verdict is in `results/reproduction.csv`, all printed figures in",
                "published.csv",
                folded="The sheet's last figures beside ours",
            )
        ]
        if rows
        else []
    )


if __name__ == "__main__":
    step.run(main)
