"""How often do the intervals of differences.csv hold the truth, and what does a fixed order of minibatches cost?

`PYTHONPATH=workflow python benchmarks/coverage.py`, ten minutes on one core. docs/verdicts.md has the results.

Each setting is trained with 100 seeds. The truth is the mean difference over all of them and all 10,000 test images;
a draw sees five seeds and 1,000 images of these. The lab's trainings are repeated with shuffled minibatches.
"""

from pathlib import Path

import numpy as np
import torch
from descent import mnist
from descent.evaluation import classify
from descent.implementations import make_optimizer
from descent.network import initialize, stack
from descent.statistics import crossed_interval, describe
from descent.training import minibatches, train
from tqdm import tqdm

SEEDS, EPOCHS, HIDDEN = 100, 5, [50, 50]
DRAWS, FEW_SEEDS, FEW_IMAGES = 4000, 5, 1000
SETTINGS = {
    "sgd": {"lr": 0.01},
    "momentum": {"lr": 0.01, "momentum": 0.9},
    "nesterov": {"lr": 0.01, "momentum": 0.9, "nesterov": True},
}


def correct(
    splits: list[mnist.Split], seeds: list[int], hyperparameters: dict, epochs: int, shuffle: bool
) -> np.ndarray:
    """Whether each seed's trained network is right about each test image: [seeds, images], 0 or 1."""
    networks = stack([initialize(HIDDEN, seed) for seed in seeds])
    parameters = {name: parameter.requires_grad_() for name, parameter in networks.items()}
    optimizer = make_optimizer("custom", "sgd", parameters.values(), **hyperparameters)
    settings = {"epochs": epochs, "batch_size": 128, "shuffle": shuffle, "drop_last": True}
    for _ in train(parameters, optimizer, splits[0], minibatches(splits[0], seeds=seeds, **settings)):
        pass
    return (classify(parameters, splits[1], 256) == splits[1].labels).double().numpy()


def coverage(differences: np.ndarray, random: np.random.Generator) -> dict[str, float]:
    """The fraction of draws whose 95 % interval holds the mean of all ``differences`` [seeds, images]."""
    truth, held = differences.mean(), {"new seeds": 0, "new seeds and images": 0}
    for _ in range(DRAWS):
        seeds = random.choice(len(differences), FEW_SEEDS, replace=False)
        images = random.choice(differences.shape[1], FEW_IMAGES, replace=False)
        drawn = differences[np.ix_(seeds, images)]
        over_seeds = describe("x", drawn.mean(1))
        held["new seeds"] += over_seeds["x_low"] <= truth <= over_seeds["x_high"]
        low, high, _ = crossed_interval(drawn)
        held["new seeds and images"] += low <= truth <= high
    return {name: count / DRAWS for name, count in held.items()}


def main() -> None:
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    splits = [mnist.load(Path("resources/mnist.safetensors"), split) for split in ("train", "test")]
    seeds = list(range(SEEDS))
    runs = {name: correct(splits, seeds, setting, EPOCHS, False) for name, setting in tqdm(SETTINGS.items())}
    for one, other in (("momentum", "sgd"), ("nesterov", "momentum")):
        differences = runs[one] - runs[other]
        print(f"{one} − {other}: {differences.mean():+.4f}; coverage: {coverage(differences, random)}")
    shifted = runs["momentum"] - np.roll(runs["momentum"], 1, axis=0)  # no difference but luck: other seeds
    print(f"momentum − momentum with other seeds: coverage: {coverage(shifted, random)}")
    for name in ("sgd", "momentum"):
        orders = [correct(splits, seeds[:10], SETTINGS[name], 20, shuffle).mean(1) for shuffle in (False, True)]
        print(f"{name}, 20 epochs, ten seeds: in the files' order and shuffled", [describe("a", o) for o in orders])


if __name__ == "__main__":
    main()
