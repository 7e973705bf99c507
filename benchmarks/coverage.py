"""How often do the statements of differences.csv and of a sweep's ranking.csv hold, and what does a fixed order cost?

`PYTHONPATH=workflow python benchmarks/coverage.py`, twenty minutes on one core. docs/verdicts.md has the results.

Each setting is trained with 100 seeds. The truth is the mean over all of them and all 10,000 test images; a draw sees a
few seeds and 1,000 images of these. The lab's trainings are repeated with shuffled minibatches.
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from descent.compare.statistics import compare_with_best, crossed_interval, describe
from descent.data import mnist
from descent.train.loop import minibatches, train
from descent.train.loss import classify
from descent.train.network import initialize, stack
from descent.train.optimizer import make_optimizer
from descent.train.schedules import lr_setter
from tqdm import tqdm

SEEDS, EPOCHS, HIDDEN = 100, 5, [50, 50]
DRAWS, FEW_SEEDS, FINAL_SEEDS, FEW_IMAGES = 4000, 5, 10, 1000
LAB = {
    "sgd": {"name": "sgd", "lr": 0.01},
    "momentum": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
    "nesterov": {"name": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True},
}
TUNED = {  # as a sweep chooses them
    "sgd": {"name": "sgd", "lr": 0.3},
    "momentum": {"name": "sgd", "lr": 0.03, "momentum": 0.9},
    "nesterov": {"name": "sgd", "lr": 0.03, "momentum": 0.9, "nesterov": True},
    "adagrad": {"name": "adagrad", "lr": 0.03},
    "rmsprop": {"name": "rmsprop", "lr": 0.001},
    "adam": {"name": "adam", "lr": 0.003},
    "adamw": {"name": "adamw", "lr": 0.003},
}


def correct(
    splits: list[mnist.Split], seeds: list[int], setting: dict, epochs: int, shuffle: bool, schedule: str = "constant"
) -> np.ndarray:
    """Whether each seed's trained network is right about each test image: [seeds, images], 0 or 1."""
    networks = stack([initialize(HIDDEN, seed) for seed in seeds])
    parameters = {name: parameter.requires_grad_() for name, parameter in networks.items()}
    optimizer = make_optimizer("custom", parameters=parameters.values(), **setting)
    training = {"epochs": epochs, "batch_size": 128, "shuffle": shuffle, "drop_last": True}
    batches = minibatches(splits[0], seeds=seeds, **training)
    for _ in train(parameters, optimizer, splits[0], batches, lr_setter(optimizer, schedule, 0, epochs)):
        pass
    return (classify(parameters, splits[1], 256) == splits[1].labels).double().numpy()


def draw(runs: np.ndarray, seeds: int, random: np.random.Generator) -> np.ndarray:
    """A few seeds and images of ``runs`` [..., seeds, images]."""
    chosen = random.choice(runs.shape[-2], seeds, replace=False)
    return runs[..., chosen[:, None], random.choice(runs.shape[-1], FEW_IMAGES, replace=False)]


def coverage(differences: np.ndarray, random: np.random.Generator) -> dict[str, float]:
    """The fraction of draws whose 95 % interval holds the mean of all ``differences`` [seeds, images]."""
    truth, held = differences.mean(), {"new seeds": 0, "new seeds and images": 0}
    for _ in range(DRAWS):
        drawn = draw(differences, FEW_SEEDS, random)
        over_seeds = describe("x", drawn.mean(1))
        held["new seeds"] += over_seeds["x_low"] <= truth <= over_seeds["x_high"]
        low, high, _ = crossed_interval(drawn)
        held["new seeds and images"] += low <= truth <= high
    return {name: count / DRAWS for name, count in held.items()}


def power(null: np.ndarray, lead: float, seeds: int, contrasts: int, random: np.random.Generator) -> float:
    """How often a ``lead``, a fraction, is called real beside ``contrasts`` − 1 others that do not exist.

    ``null`` [seeds, images] are differences that do not exist; all images are seen.
    """
    p = []
    for _ in range(DRAWS // 10):
        chosen = random.choice(len(null), seeds, replace=False)
        p.append(crossed_interval(null[chosen] - null.mean() + lead)[2])
    return float(np.mean(np.array(p) * contrasts < 0.05))  # Holm's first step


def best(runs: np.ndarray, random: np.random.Generator) -> dict[str, float]:
    """How often comparisons with the best hold: ``runs`` is [optimizers, seeds, images]."""
    means, held = runs.mean((1, 2)), {"the best may be the best": 0, "all bounds hold": 0, "may be the best": 0}
    for _ in range(DRAWS):
        behind, may_be_best = compare_with_best(draw(runs, FINAL_SEEDS, random))
        held["the best may be the best"] += may_be_best[means.argmax()]
        held["all bounds hold"] += (means.max() - means <= behind).all()
        held["may be the best"] += may_be_best.sum()
    return {name: float(count) / DRAWS for name, count in held.items()}


def main() -> None:
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    splits = [mnist.load(Path("resources/mnist.safetensors"), split) for split in ("train", "test")]
    trained = partial(correct, splits)
    seeds = list(range(SEEDS))

    runs = {name: trained(seeds, setting, EPOCHS, False) for name, setting in tqdm(LAB.items())}
    for one, other in (("momentum", "sgd"), ("nesterov", "momentum")):
        differences = runs[one] - runs[other]
        print(f"{one} − {other}: {differences.mean():+.4f}; coverage: {coverage(differences, random)}")
    null = runs["momentum"] - np.roll(runs["momentum"], 1, axis=0)  # no difference but luck: other seeds
    print(f"momentum − momentum with other seeds: coverage: {coverage(null, random)}, sd {null.mean(1).std():.4f}")
    for few, contrasts in ((5, 1), (5, 45), (10, 45)):
        print(f"a lead of 0.5 points, {few} seeds, {contrasts} contrasts: {power(null, 0.005, few, contrasts, random)}")

    tuned = {name: trained(seeds, setting, EPOCHS, True, "linear") for name, setting in tqdm(TUNED.items())}
    print("tuned, linear decay, shuffled:", {name: f"{its.mean():.4f}" for name, its in tuned.items()})
    print("comparisons with the best:", best(np.stack(list(tuned.values())), random))
    for name in ("momentum", "adam"):
        twice = np.stack([tuned[name], np.roll(tuned[name], 1, axis=0)])
        print(f"A/A, {name} twice, with other seeds:", best(twice, random))

    for name in ("sgd", "momentum"):
        orders = [trained(seeds[:10], LAB[name], 20, shuffle).mean(1) for shuffle in (False, True)]
        print(f"{name}, 20 epochs, ten seeds: in the files' order and shuffled", [describe("a", o) for o in orders])


if __name__ == "__main__":
    main()
