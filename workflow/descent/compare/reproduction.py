"""Does a run reproduce the figures that the lab's sheet printed?

One figure of each optimizer decides: the mean training loss over all epochs, the last running mean that the sheet
prints. Its log varies over seeds with the standard deviation SPREAD, so the mean over the sheet's two runs and the mean
over our n seeds differ by at most ``limit`` in 95 % of cases in which both trained the same. docs/verdicts.md says how
often the verdict is wrong.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from descent import WORKFLOW
from descent.compare.statistics import SIGNIFICANT
from descent.experiment.variants import CONSTANT
from descent.run import Run, read_table

SHEET = WORKFLOW / "resources/published.csv"
SHEETS_RUNS = 2  # of each optimizer, all from different initial parameters
SPREAD = 0.0234  # over 200 seeds 0.0229 (SGD) and 0.0238 (momentum), with 50 hidden units

# The lab's.
TRAINING = CONSTANT | {"epochs": 20, "batch_size": 128, "shuffle": False, "drop_last": True, "activation": "relu"}
LAB = {"sgd": {"lr": 0.01}, "momentum": {"lr": 0.01, "momentum": 0.9}}

COLUMNS = ["network", "optimizer", "variant", "seeds", "sheet", "ours", "log_ratio", "limit", "verdict", "left_out"]


def load_sheet() -> pd.DataFrame:
    """The sheet's figures: variant, epoch, split, loss, accuracy."""
    return read_table(SHEET).astype({"epoch": "Int64"})


def limit(seeds: int, optimizers: int) -> float:
    """What |log(sheet / ours)| exceeds for one or more of some optimizers with a probability of 5 %, by chance."""
    return norm.isf(SIGNIFICANT / (2 * optimizers)) * SPREAD * math.sqrt(1 / SHEETS_RUNS + 1 / seeds)


def match(record: Mapping[str, Any]) -> tuple[str, str | None]:
    """The lab's training that a run is compared with, by its run.json, and the first departure from it, or None.

    The training is ``sgd`` or ``momentum``. A hyperparameter of 0 or false counts as absent.
    """
    given = {name: value for name, value in record["hyperparameters"].items() if value}
    optimizer = "momentum" if "momentum" in given else "sgd"
    labs = {"optimizer": "sgd"} | TRAINING | LAB[optimizer]
    ours = {name: record[name] for name in ("optimizer", *TRAINING)} | given
    for name in labs | ours:
        if ours.get(name) != labs.get(name):
            labs_is = f"the lab's is {labs[name]}" if name in labs else "the lab has none"
            return optimizer, f"{name} is {ours.get(name)}, {labs_is}"
    return optimizer, None


def judge(network: str, runs: Mapping[str, Run], sheet: pd.DataFrame) -> list[dict[str, Any]]:
    """Compare the first of a network's ``runs`` that repeats a training of the lab's: one row (COLUMNS) per optimizer.

    The losses ``sheet`` and ``ours`` are geometric means over the runs and over the seeds. ``left_out`` says why the
    optimizer's other runs are not compared.
    """
    matches = {variant: match(run.record) for variant, run in runs.items()}
    last = sheet[sheet["split"] == "train_cumulative"].groupby("variant")["loss"].last()
    compared = {optimizer: variant for variant, (optimizer, departure) in [*matches.items()][::-1] if not departure}
    rows = []
    for optimizer in LAB:
        left_out = "; ".join(f"{variant}: {why}" for variant, (its, why) in matches.items() if its == optimizer and why)
        row: dict[str, Any] = {"network": network, "optimizer": optimizer, "verdict": "not compared"}
        row["left_out"] = left_out
        if optimizer in compared:
            losses = runs[compared[optimizer]].training.groupby("seed")["loss"].mean()
            losses[list(runs[compared[optimizer]].diverged)] = math.inf
            ours, sheets = np.log(losses).mean(), np.log(last[[f"custom_{optimizer}", f"torch_{optimizer}"]]).mean()
            allowed = limit(len(losses), len(compared))
            row |= {"variant": compared[optimizer], "seeds": len(losses), "limit": allowed}
            row |= {"sheet": math.exp(sheets), "ours": math.exp(ours), "log_ratio": sheets - ours}
            row["verdict"] = "reproduced" if abs(sheets - ours) <= allowed else "not reproduced"
        rows.append(row)
    return rows
