"""How often do the statements of differences.csv and of a sweep's ranking.csv hold?

`PYTHONPATH=workflow python benchmarks/coverage.py > benchmarks/results/coverage.txt`, half an hour on one core, in
parts that survive being stopped. docs/verdicts.md has the results.

Each setting is trained with 100 seeds for 5 epochs. The truth is the mean over all of them and all 10,000 test images;
a draw sees a few seeds and 1,000 images of these. The settings of the sweep are those that it chose
(benchmarks/results/sweep).
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from descent.compare.statistics import compare_with_best, crossed_interval, describe
from descent.experiment.grids import settings
from descent.sweep.rank import collapsed
from trainings import REPOSITORY, print_setting, trained

SWEEP = Path(__file__).with_name("results") / "sweep"
DRAWS, FEW_SEEDS, FINAL_SEEDS, TRIAL_SEEDS, FEW_IMAGES = 4000, 5, 10, 5, 1000
LAB = {
    "sgd": {"optimizer": "sgd", "lr": 0.01},
    "momentum": {"optimizer": "sgd", "lr": 0.01, "momentum": 0.9},
    "nesterov": {"optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True},
}

random = np.random.default_rng(0)


def draw(runs: np.ndarray, seeds: int) -> np.ndarray:
    """A few seeds and images of ``runs`` [..., seeds, images]; the same for all of them."""
    chosen = random.choice(runs.shape[-2], seeds, replace=False)
    return runs[..., chosen[:, None], random.choice(runs.shape[-1], FEW_IMAGES, replace=False)]


def draw_equal(runs: np.ndarray, k: int) -> np.ndarray:
    """The same setting under k names, each with other seeds: [k, FINAL_SEEDS, FEW_IMAGES]."""
    chosen = random.choice(len(runs), (k, FINAL_SEEDS), replace=False)
    return runs[chosen[..., None], random.choice(runs.shape[1], FEW_IMAGES, replace=False)]


def coverage(differences: np.ndarray) -> dict[str, float]:
    """The fraction of draws whose 95 % interval holds the mean of all ``differences`` [seeds, images]."""
    truth, held = differences.mean(), {"new seeds": 0, "new seeds and images": 0}
    for _ in range(DRAWS):
        drawn = draw(differences, FEW_SEEDS)
        over_seeds = describe("x", drawn.mean(1))
        held["new seeds"] += over_seeds["x_low"] <= truth <= over_seeds["x_high"]
        low, high, _ = crossed_interval(drawn)
        held["new seeds and images"] += low <= truth <= high
    return {name: float(count) / DRAWS for name, count in held.items()}


def power(null: np.ndarray, lead: float, seeds: int, contrasts: int) -> float:
    """How often a ``lead``, a fraction, is called real beside ``contrasts`` − 1 others that do not exist.

    ``null`` [seeds, images] are differences that do not exist; all images are seen.
    """
    p = []
    for _ in range(DRAWS):
        chosen = random.choice(len(null), seeds, replace=False)
        p.append(crossed_interval(null[chosen] - null.mean() + lead)[2])
    return float(np.mean(np.array(p) * contrasts < 0.05))  # Holm's first step


def best(runs: np.ndarray) -> dict[str, float]:
    """How often comparisons with the best hold: ``runs`` is [optimizers, seeds, images]."""
    means, held = runs.mean((1, 2)), {"a best one may be the best": 0, "all bounds hold": 0, "both": 0, "may be": 0}
    for _ in range(DRAWS):
        behind, may_be_best = compare_with_best(draw(runs, FINAL_SEEDS))
        found, hold = may_be_best[means.argmax()], (means.max() - means <= behind).all()
        held["a best one may be the best"] += found
        held["all bounds hold"] += hold
        held["both"] += found and hold
        held["may be"] += may_be_best.sum()
    return {name: float(count) / DRAWS for name, count in held.items()}


def equal(runs: np.ndarray, k: int) -> dict[str, float]:
    """How often at least one of k names of the same setting, ``runs`` [seeds, images], is said not to be the best."""
    said, none = 0, 0
    for _ in range(DRAWS):
        _, may_be_best = compare_with_best(draw_equal(runs, k))
        said += not may_be_best.all()
        none += not may_be_best.any()
    return {"at least one is said not to be the best": said / DRAWS, "all are": none / DRAWS}


def lost(runs: np.ndarray) -> tuple[float, float]:
    """How often a draw of ``runs`` [seeds, images] has a seed that counts as lost; the errors of the worst of all seeds
    on all images, in multiples of the median's."""
    errors = 1 - np.array([draw(runs, FINAL_SEEDS).mean(1) for _ in range(DRAWS)])
    alarms = np.mean([collapsed(its).any() for its in errors])
    every = 1 - runs.mean(1)
    return float(alarms), float(every.max() / np.median(every))


def curvature(trials: pd.DataFrame) -> float:
    """How much validation accuracy an optimizer loses, per squared decade, within half a decade of its chosen lr."""
    decades = np.log10(trials["lr"] / trials.loc[trials["chosen"], "lr"].item())
    near = trials[(decades.abs() < 0.6) & trials["validation_accuracy_mean"].notna()]
    return -np.polyfit(decades[near.index], near["validation_accuracy_mean"], 2)[0]


def between_points(runs: np.ndarray, spacing: float, curvatures: np.ndarray, noise: np.ndarray) -> dict[str, float]:
    """What a grid's spacing, in decades, costs optimizers that are equal at their best lr, and their ranking.

    Each one's best lr lies anywhere between two points. Its trials lose as its curvature says, and its choice is made
    with their noise (standard deviation of a trial's mean). Its final runs are those of ``runs`` [seeds, images] less
    what the chosen point loses.
    """
    k, losses, excluded = len(curvatures), [], 0
    for _ in range(DRAWS):
        decades = spacing * (np.arange(-4, 5) + random.uniform(-0.5, 0.5, (k, 1)))
        lost = curvatures[:, None] * decades**2
        chosen = (random.normal(size=lost.shape) * noise[:, None] - lost).argmax(1)
        losses.append(lost[np.arange(k), chosen])
        _, may_be_best = compare_with_best(draw_equal(runs, k) - losses[-1][:, None, None])
        excluded += not may_be_best.all()
    return {"mean loss, points": 100 * float(np.mean(losses)), "an equal one is excluded": excluded / DRAWS}


def main() -> None:
    lab = trained("lab", range(100), LAB, epochs=5)
    print_setting(lab)
    runs = {name: run.correct for name, run in lab.items()}
    for one, other in (("momentum", "sgd"), ("nesterov", "momentum")):
        differences = runs[one] - runs[other]
        print(f"{one} − {other}: {100 * differences.mean():+.2f} points; coverage: {coverage(differences)}")
    null = runs["momentum"] - np.roll(runs["momentum"], 1, axis=0)  # no difference but luck: other seeds
    print(f"momentum − momentum with other seeds: coverage: {coverage(null)}")
    print(f"  standard deviation of this difference over seeds: {100 * null.mean(1).std(ddof=1):.2f} points")
    for few, contrasts in ((5, 1), (5, 45), (10, 45)):
        print(
            f"  a lead of 0.5 points, {few} seeds, {contrasts} contrasts: real in {power(null, 0.005, few, contrasts)}"
        )

    grids = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))["sweep"]["optimizers"]
    chosen = json.loads((SWEEP / "choices.json").read_text(encoding="utf-8"))
    variants = {name: settings(grids)[choice] for name, choice in chosen.items()}
    runs |= {
        f"tuned {name}": run.correct
        for name, run in trained("tuned", range(100), variants, epochs=5, shuffle=True).items()
    }
    tuned = np.stack([runs[f"tuned {name}"] for name in chosen])
    print("\ntuned:", {choice: f"{100 * its.mean():.2f} %" for choice, its in zip(chosen.values(), tuned)})
    print("comparisons with the best:", best(tuned))
    for name in ("momentum", "adam"):
        for k in (2, 3, 5, 7):
            print(f"tuned {name} under {k} names: {equal(runs[f'tuned {name}'], k)}")

    print(
        "\nhow often one of ten seeds counts as lost, and the errors of the worst of 100 in multiples of the median's"
    )
    for name, its in runs.items():
        print("  {}: {}, {:.2f}".format(name, *lost(its)))

    trials = pd.read_csv(SWEEP / "trials.csv")
    found = {name: its for name, its in trials.groupby("optimizer", sort=False)}
    curvatures = np.array([curvature(its) for its in found.values()])
    noise = np.array([its.loc[its["chosen"], "validation_accuracy_std"].item() for its in found.values()])
    print("\npoints lost per squared decade of lr:", dict(zip(found, (100 * curvatures).round(2).tolist())))
    for spacing in (0, 0.25, 0.5):
        its = between_points(runs["tuned momentum"], spacing, curvatures, noise / TRIAL_SEEDS**0.5)
        print(f"seven equal at their best lr, {spacing} decades between points: {its}")


if __name__ == "__main__":
    main()
