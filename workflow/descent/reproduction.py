"""Does a run reproduce the figures that the lab's sheet printed? One statistic with a calibrated critical value.

The sheet prints 170 figures, but those of one training move together. So six features sum up a training: the logs of
its mean training loss in five blocks of epochs, and of its final test loss. The statistic is the largest |z| over the
features of both optimizers, and over the two weighted sums of them that are the most sensitive to the learning rate
and to the momentum. The calibration (``calibration``), trainings of the lab's settings and of settings around them,
gives the covariance over seeds and the effect of the settings. From it, the learning rate and the momentum that the
sheet's curves imply are estimated too.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from descent.calibration import LAB, TRAINING
from descent.runs import Run
from descent.statistics import LEAST_SEEDS, t_quantile

RESOURCES = Path(__file__).parents[1] / "resources"
EDGES = [0, 1, 5, 10, 15, 20]  # of the blocks of epochs; the first are short, as the loss falls fast at first
FEATURES = ["epoch 0", "epochs 1-4", "epochs 5-9", "epochs 10-14", "epochs 15-19", "test"]
SHEETS_RUNS = 2  # of each optimizer, all from different initial parameters
LEVEL = 0.05  # how often a correct training is rejected
DRAWS = 10_000  # the simulated level has a standard error of 0.2 points


def features(running: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The FEATURES of trainings, [trainings, 6], from the figures that the sheet prints.

    ``running`` [trainings, 20] are mean training losses R_e from the first iteration to the end of epoch e; the mean
    over the epochs a to b is ((b + 1) R_b − a R_{a−1}) / (b − a + 1). ``test`` [trainings] are final test losses.
    """
    sums = np.pad(running * np.arange(1, EDGES[-1] + 1), ((0, 0), (1, 0)))
    blocks = np.diff(sums[:, EDGES]) / np.diff(EDGES)
    return np.log(np.column_stack([blocks, test]))


def run_features(run: Run) -> pd.DataFrame:
    """The features of a run, one row per seed; infinite for a seed that diverged."""
    epochs = run.training.groupby(["seed", "epoch"])["loss"].mean().unstack()  # all epochs have as many minibatches
    running = epochs.cumsum(axis=1) / np.arange(1, EDGES[-1] + 1)
    last = run.evaluation[run.evaluation["epoch"] == EDGES[-1] - 1].set_index("seed")["loss"][epochs.index]
    table = pd.DataFrame(features(running.to_numpy(), last.to_numpy()), epochs.index)
    table.columns = FEATURES
    table.loc[list(run.diverged)] = math.inf
    return table


def sheet_features(published: pd.DataFrame) -> pd.DataFrame:
    """The sheet's features, mean over its two runs: one row per optimizer, ``sgd`` and ``momentum``."""
    losses = published.pivot(index="variant", columns=["split", "epoch"], values="loss").drop(index="initial")
    running, test = losses["train_cumulative"], losses["test", EDGES[-1] - 1]
    table = pd.DataFrame(features(running.to_numpy(), test.to_numpy()), losses.index, FEATURES)
    return table.groupby(losses.index.str.split("_").str[1]).mean()


def load_sheet() -> pd.DataFrame:
    """The sheet's figures: variant, epoch, split, loss, accuracy."""
    return pd.read_csv(RESOURCES / "published.csv", comment="#").astype({"epoch": "Int64"})


def load_calibration() -> pd.DataFrame:
    """The features of the calibration's trainings, by lr, momentum (0 for SGD) and seed."""
    return pd.read_csv(RESOURCES / "calibration.csv", comment="#").set_index(["lr", "momentum", "seed"]).sort_index()


def lab_features(calibration: pd.DataFrame) -> pd.DataFrame:
    """The features of the lab's two trainings, one row per seed, one column per optimizer and feature."""
    return pd.concat(
        {optimizer: calibration.loc[point["lr"], point.get("momentum", 0)] for optimizer, point in LAB.items()}, axis=1
    )


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


def z(differences: np.ndarray, covariance: np.ndarray, slopes: np.ndarray, seeds: int) -> np.ndarray:
    """The sheet's features minus the mean of a run's n seeds, in standard errors: [..., features + quantities].

    ``differences`` [..., features] have the ``error_covariance`` C; ``covariance`` [..., features, features] is that
    over seeds. The quantities are the weighted sums of features that are the most sensitive to the learning rate and to
    the momentum: matched filters, with weights C⁻¹ s (North, "An analysis of the factors which determine signal/noise
    discrimination in pulsed-carrier systems", 1943). ``slopes`` s [quantities, features] come from ``find_slopes``.
    """
    total = error_covariance(covariance, seeds)
    filters = np.linalg.solve(total, slopes.T)  # [..., features, quantities]
    of_features = differences / np.sqrt(np.diagonal(total, axis1=-2, axis2=-1))
    with np.errstate(invalid="ignore"):  # of a seed that diverged
        of_quantities = (differences[..., None, :] @ filters)[..., 0, :]
    of_quantities /= np.sqrt(np.diagonal(slopes @ filters, axis1=-2, axis2=-1))
    return np.concatenate([of_features, of_quantities], -1)


def error_covariance(covariance: np.ndarray, seeds: int) -> np.ndarray:
    """Σ_sheet/2 + Σ/n: the optimizers share their initial parameters in a run, but not on the sheet."""
    optimizer = np.arange(covariance.shape[-1]) // len(FEATURES)
    return covariance * ((optimizer[:, None] == optimizer) / SHEETS_RUNS + 1 / seeds)


def compare(
    sheet: pd.DataFrame, runs: Mapping[str, tuple[str, pd.DataFrame]], calibration: pd.DataFrame
) -> pd.DataFrame:
    """Compare the sheet's features with those of ``runs``, which gives a variant and its features for each optimizer.

    Returns one row per feature, and one per quantity, which has only z.
    """
    columns = ["variant", "optimizer", "feature", "seeds", "sheet", "mean", "z"]
    if not runs:
        return pd.DataFrame(columns=columns)
    lab, slopes = lab_features(calibration)[[*runs]], find_slopes(calibration, [*runs])
    printed = sheet.loc[[*runs], FEATURES].to_numpy().ravel()
    mean = np.concatenate([ours.mean() for _, ours in runs.values()])
    seeds = len(next(iter(runs.values()))[1])
    rows = [(variant, optimizer, feature) for optimizer, (variant, _) in runs.items() for feature in FEATURES]
    rows += [("", "", quantity) for quantity in slopes.index]
    table = pd.DataFrame(rows, columns=columns[:3]).assign(seeds=seeds)
    for column, values in {"sheet": printed, "mean": mean}.items():
        table[column] = pd.Series(values)  # NaN for the quantities
    return table.assign(z=z(printed - mean, lab.cov().to_numpy(), slopes.to_numpy(), seeds))


def critical(lab: np.ndarray, slopes: np.ndarray, seeds: int) -> float:
    """The value that the largest |z| exceeds in 5 % of cases if sheet, run and calibration trained the same.

    It is simulated: all three are drawn from the normal distribution with the covariance of the calibration's ``lab``
    [seeds, features].
    """
    random = np.random.default_rng(0)
    covariance = np.atleast_2d(np.cov(lab.T))
    zero, total = np.zeros(len(covariance)), error_covariance(covariance, seeds)
    differences = random.multivariate_normal(zero, total, DRAWS, method="cholesky")
    drawn = random.multivariate_normal(zero, covariance, (DRAWS, len(lab)), method="cholesky")
    drawn -= drawn.mean(1, keepdims=True)
    covariances = drawn.mT @ drawn / (len(lab) - 1)
    return float(np.quantile(np.abs(z(differences, covariances, slopes, seeds)).max(1), 1 - LEVEL))


def judge(compared: pd.DataFrame, calibration: pd.DataFrame) -> dict[str, Any]:
    """The verdict on a network from the table of ``compare``, with the statistic and the feature that has it."""
    if compared.empty:
        return {"statistic": math.nan, "critical": math.nan, "verdict": "not compared", "seeds": 0, "farthest": None}
    seeds, optimizers = int(compared["seeds"].iloc[0]), [o for o in LAB if o in set(compared["optimizer"])]
    farthest = compared.iloc[compared["z"].abs().argmax()]
    lab, slopes = lab_features(calibration)[optimizers], find_slopes(calibration, optimizers)
    statistic, limit = abs(farthest["z"]), critical(lab.to_numpy(), slopes.to_numpy(), seeds)
    verdict = "reproduced" if statistic <= limit else "not reproduced"
    return {
        "statistic": statistic,
        "critical": limit,
        "verdict": verdict if seeds >= LEAST_SEEDS else "inconclusive",
        "seeds": seeds,
        "farthest": ", ".join(filter(None, [farthest["variant"], farthest["feature"]])),
    }


def changes(calibration: pd.DataFrame, source: str, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """How an optimizer's features change with a quantity, ``lr`` or ``momentum``, with the other at the lab's value.

    Returns log(quantity / the lab's) of each training that differs from the lab's, [trainings], and its features minus
    those of the lab's training with the same seed, [trainings, features].
    """
    settings, labs = calibration.index.to_frame(), {"momentum": 0} | LAB[source]
    other = "momentum" if quantity == "lr" else "lr"
    same_optimizer = (settings["momentum"] > 0) == (source == "momentum")
    varied = calibration[same_optimizer & (settings[other] == labs[other]) & (settings[quantity] != labs[quantity])]
    lab = lab_features(calibration)[source].loc[varied.index.get_level_values("seed")]
    return np.log(varied.index.get_level_values(quantity) / labs[quantity]), varied.to_numpy() - lab.to_numpy()


def fit_quadratic(at: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Coefficients of x and x² of each feature's change: [2, features]."""
    return np.linalg.lstsq(np.column_stack([at, at**2]), changed)[0]


def find_slopes(calibration: pd.DataFrame, optimizers: list[str]) -> pd.DataFrame:
    """How the features of some optimizers change with log(learning rate) and log(momentum): [quantities, features]."""

    def slope(optimizer: str, quantity: str) -> np.ndarray:
        if quantity not in LAB[optimizer]:
            return np.zeros(len(FEATURES))
        return fit_quadratic(*changes(calibration, optimizer, quantity))[0]

    names = {"lr": "learning rate", "momentum": "momentum"}
    slopes = {name: [slope(optimizer, quantity) for optimizer in optimizers] for quantity, name in names.items()}
    return pd.DataFrame({name: np.concatenate(its) for name, its in slopes.items() if np.any(its)}).T


def estimate(sheet: pd.Series, lab: pd.DataFrame, at: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Which place x on an axis gives the ``sheet``'s features: estimate, low and high (95 %).

    x = 0 is the lab's training, with the features ``lab`` [seeds, features]. A quadratic is fitted to ``at`` and
    ``changed``, which come from ``changes``. x is estimated by generalized least squares with the covariance of
    ``lab``. The interval is Student's, for a covariance that is itself estimated from n seeds (Rao, "Some problems
    involving linear hypotheses in multivariate analysis", 1959).
    """
    root = np.linalg.cholesky(lab.cov() * (1 / SHEETS_RUNS + 1 / len(lab)))
    distance, terms = np.linalg.solve(root, sheet - lab.mean()), np.linalg.solve(root, fit_quadratic(at, changed).T)
    fit = least_squares(lambda x: terms @ [x[0], x[0] ** 2] - distance, [0.0])
    freedom, all_freedom = len(lab) - len(sheet), len(lab) - 1
    variance = (1 + 2 * fit.cost / all_freedom) * all_freedom / freedom / (fit.jac**2).sum()
    return fit.x[0] + t_quantile(freedom) * math.sqrt(variance) * np.array([0, -1, 1])


def estimates(sheet: pd.DataFrame, calibration: pd.DataFrame) -> pd.DataFrame:
    """The lr and momentum that the sheet's curves imply, each with the other at the lab's value.

    Columns: quantity, source, estimate, low, high. Momentum's curves cannot give both at once: settings with the same
    lr / (1 − μ) look alike.
    """
    lab, rows = lab_features(calibration), []
    for quantity, source in [("lr", "sgd"), ("lr", "momentum"), ("momentum", "momentum")]:
        found = estimate(sheet.loc[source], lab[source], *changes(calibration, source, quantity))
        rows.append((quantity, source, *LAB[source][quantity] * np.exp(found)))
    return pd.DataFrame(rows, columns=["quantity", "source", "estimate", "low", "high"])
