"""How often is the verdict on the lab's sheet right? `python benchmarks/error_rates.py`, where Descent is installed.

Trains with seeds that the calibration did not use, into results/unseen/; what is there is kept. Then it draws seeds of
a setting as ours and others of the lab's as the sheet's, or takes the sheet as printed, and counts how often the
verdict is "not reproduced", and how often the estimates' 95 % intervals hold the lab's values. Draws from so few seeds
have the luck of these seeds in common; the column ``simulated`` has it not: normal draws, moved by what the setting
changes seed by seed. Writes unseen.csv (features), error_rates.csv and coverage.csv into benchmarks/results/DATE/.
"""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from descent import reproduction  # noqa: E402
from descent.calibration import LAB, LR, MOMENTUM, TRAINING, settings  # noqa: E402
from descent.experiment import options, variant_options  # noqa: E402
from descent.files import write_table  # noqa: E402
from descent.runs import Run  # noqa: E402
from descent.steps.calibrate import rows  # noqa: E402

DRAWS = 10_000
FIRST, STACK = 2000, 25  # seed, and how many are trained at once
OURS = [4, 5, 10, 20]  # seeds of a run
# What is trained: hidden units, seeds, and the settings of SGD and of momentum.
TRAINED = {
    "the lab's": (50, 100, *LAB.values()),
    **{f"lr {lr}": (50, 25, {"lr": lr}, {"lr": lr, "momentum": MOMENTUM}) for lr in (0.009, 0.011, 0.012)},
    **{f"μ {momentum}": (50, 25, LAB["sgd"], {"lr": LR, "momentum": momentum}) for momentum in (0.88, 0.92)},
    "100 units": (100, 10, *LAB.values()),
}


def step(step: str, words: str) -> None:
    command = f"{sys.executable} -m descent.steps.{step} --mnist resources/mnist.safetensors {words}"
    environment = os.environ | {"PYTHONPATH": "workflow"}
    subprocess.run(command, shell=True, cwd=ROOT, env=environment, check=True)


def train(units: int, seeds: int, point: dict) -> pd.DataFrame:
    """The features of a setting, one row per seed."""
    ((name, trained),) = settings([point]).items()
    common, tables = options(evaluation_batch_size=256), []
    for first in range(FIRST, FIRST + seeds, STACK):
        stack = range(first, min(first + STACK, FIRST + seeds))
        folder = f"results/unseen/{units}/{name}/{first}"
        if not (ROOT / folder / "run.json").exists():
            files = {"parameters": f"{folder}/initial", "metrics": f"{folder}/initial.csv"}
            step("initialize", f"{common} {options(hidden=[units, units], seeds=list(stack), **files)}")
            training = options(**TRAINING, device="cpu", initial=files["parameters"], output=folder)
            step("train", f"{common} {variant_options(trained)} {training}")
        tables.append(rows(Run(ROOT / folder)).assign(units=units))
    return pd.concat(tables)


def drawn(ours: list[pd.DataFrame], lab: list[pd.DataFrame], seeds: int, random: np.random.Generator):
    """Mean features of ``seeds`` of ``ours``, and of a sheet: of each optimizer two seeds, none of them used twice."""
    chosen = random.choice(ours[0].index.intersection(ours[1].index), seeds, replace=False)
    others = random.permutation(lab[0].index.difference(chosen))[:4]
    mean = np.concatenate([table.loc[chosen].to_numpy().mean(0) for table in ours])
    sheet = np.concatenate([table.loc[pair].to_numpy().mean(0) for table, pair in zip(lab, (others[:2], others[2:]))])
    return mean, sheet


def simulated(ours: list[pd.DataFrame], labs: list[pd.DataFrame], seeds: int, random: np.random.Generator):
    """Draws of the sheet's features less the mean of ``seeds`` of ours, with the lab's covariance."""
    change = [(table - lab.loc[table.index]).mean() for table, lab in zip(ours, labs)]
    covariance = pd.concat(labs, axis=1).cov().to_numpy()
    return random.multivariate_normal(-np.concatenate(change), reproduction.error_covariance(covariance, seeds), DRAWS)


def main() -> None:
    trainings = {}
    for units, seeds, *points in TRAINED.values():
        for point in points:
            if (units, *point.values()) not in trainings:
                trainings[units, *point.values()] = train(units, seeds, point)
    unseen = {key: table.set_index("seed")[reproduction.FEATURES] for key, table in trainings.items()}
    labs = [unseen[50, *point.values()] for point in LAB.values()]
    calibration = reproduction.load_calibration()

    def with_calibration(point: dict) -> pd.DataFrame:
        known = calibration.loc[point["lr"], point.get("momentum", 0)]
        return pd.concat([known, unseen[50, *point.values()]])

    slopes = reproduction.find_slopes(calibration, list(LAB)).to_numpy()
    lab = reproduction.lab_features(calibration)[list(LAB)].to_numpy()

    def found_in(differences: np.ndarray, seeds: int) -> float:
        """The fraction of draws in which the largest |z| exceeds the critical value."""
        z = reproduction.z(differences, np.cov(lab.T), slopes, seeds)
        return (np.abs(z).max(1) > criticals[seeds]).mean()

    criticals = {seeds: reproduction.critical(lab, slopes, seeds) for seeds in OURS}
    printed = reproduction.sheet_features(reproduction.load_sheet()).loc[list(LAB)].to_numpy().ravel()
    random, rates = np.random.default_rng(1), []
    for name, (units, _, *points) in TRAINED.items():
        ours = [unseen[units, *point.values()] for point in points]
        for seeds in [n for n in OURS if n <= len(ours[1])]:
            means, sheets = map(np.stack, zip(*(drawn(ours, labs, seeds, random) for _ in range(DRAWS))))
            found = {
                column: found_in(sheet - means, seeds)
                for column, sheet in {"sheet_drawn": sheets, "sheet_as_printed": printed}.items()
            }
            if units == 50:
                all_ours, all_labs = (list(map(with_calibration, setting)) for setting in (points, LAB.values()))
                found["simulated"] = found_in(simulated(all_ours, all_labs, seeds, random), seeds)
            rates.append({"trained": name, "of": len(ours[1]), "seeds": seeds, "critical": criticals[seeds]} | found)
    rates = pd.DataFrame(rates)

    held = []
    for _ in range(DRAWS // 20):
        pairs = random.permutation(labs[0].index)[:4].reshape(2, 2)
        sheet = pd.DataFrame({o: table.loc[pair].mean() for o, table, pair in zip(LAB, labs, pairs)}).T
        table = reproduction.estimates(sheet, calibration).assign(lab=[LR, LR, MOMENTUM])
        held.append(table.assign(held=(table["low"] <= table["lab"]) & (table["lab"] <= table["high"])))
    coverage = pd.concat(held).groupby(["quantity", "source"], as_index=False)[["estimate", "held"]].mean()

    folder = ROOT / "benchmarks/results" / str(date.today())
    write_table(folder / "unseen.csv", pd.concat(trainings.values()))
    write_table(folder / "error_rates.csv", rates)
    write_table(folder / "coverage.csv", coverage)
    print(rates.to_string(index=False), coverage.to_string(index=False), sep="\n")


if __name__ == "__main__":
    main()
