"""Runs that are written down, and their summary, for tests of what is computed from them."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
from descent.compare.differences import Outcome, outcome

MEANS = {"slow": 0.9, "fast": 0.95, "its_twin": 0.95}
ROW = {"network": "small", "seeds": 5, "diverged_seeds": 0, "diverged_iteration": math.nan, "guessing_seeds": 0}
ROW |= {"test_accuracy_std": 0.002, "test_accuracy_low": 0.894, "test_accuracy_high": 0.906}
ROW |= {"test_accuracy_worst_seed": 0.89, "test_loss_mean": 0.1, "test_loss_std": 0.01, "highest_training_loss": 2.5}
SUMMARY = pd.DataFrame(ROW | {"variant": variant, "test_accuracy_mean": mean} for variant, mean in MEANS.items())


def run(accuracies, diverged=()) -> SimpleNamespace:
    """A run of two epochs, whose seeds are right about the first of ten images, as many as make their last accuracy."""
    rows = [(seed, epoch, 1.0 - epoch, its * epoch) for seed, its in enumerate(accuracies) for epoch in (0, 1)]
    return SimpleNamespace(
        training=pd.DataFrame({"loss": [2.3, 2.5, 2.4]}),
        evaluation=pd.DataFrame(rows, columns=["seed", "epoch", "loss", "accuracy"]),
        correct=(np.arange(10) < np.round(np.array(accuracies) * 10)[:, None]).astype(float),
        diverged={seed: 30 + seed for seed in diverged},
    )


def final(accuracies, diverged=(), network="small", variant="a") -> Outcome:
    return outcome(network, variant, run(accuracies, diverged))
