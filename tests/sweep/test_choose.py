"""Which trial is chosen, and which cannot be."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest
from descent.sweep.choose import describe_trial, describe_trials


def trial(accuracies, losses=None, diverged=()) -> SimpleNamespace:
    """A run of two epochs, with the accuracy and the loss of each seed after the last."""
    losses = losses or [0.1] * len(accuracies)
    last = [{"seed": s, "epoch": 1, "loss": x, "accuracy": a} for s, (a, x) in enumerate(zip(accuracies, losses))]
    rows = [row | {"epoch": 0, "accuracy": 0.99} for row in last] + last
    return SimpleNamespace(evaluation=pd.DataFrame(rows), record={"epochs": 2}, diverged=dict.fromkeys(diverged, 7))


@pytest.mark.parametrize(
    ("run", "diverged", "guessing", "mean"),
    [
        (trial([0.8, 0.9]), 0, 0, 0.85),
        (trial([0.1, 0.9], [2.31, 0.1], diverged=[0]), 1, 0, None),
        (trial([0.11, 0.9], [2.31, 0.1]), 0, 1, None),
        (trial([0.11, 0.9], [2.0, 0.1]), 0, 0, 0.505),  # it has learnt something, or is only unlucky
        (trial([0.3, 0.9], [2.31, 0.1]), 0, 0, 0.6),
        (trial([0.11, 0.1], [math.nan, 2.4], diverged=[0]), 1, 1, None),
    ],
)
def test_a_trial_has_the_mean_of_its_last_epoch_unless_a_seed_diverged_or_only_guesses(run, diverged, guessing, mean):
    row = describe_trial(run)
    assert (row["seeds"], row["diverged_seeds"], row["guessing_seeds"]) == (2, diverged, guessing)
    assert row["lost_seeds"] == diverged + guessing
    assert row["validation_accuracy_mean"] == pytest.approx(math.nan if mean is None else mean, nan_ok=True)


def test_the_trial_with_the_highest_mean_of_those_that_lost_no_seed_is_chosen():
    grids = {"sgd": {"optimizer": "sgd", "lr": [0.1, 1, 10]}}
    grids["adam"] = {"optimizer": "adam", "lr": [1], "betas": [0.9, 0.99]}
    runs = {"sgd_lr=0.1": trial([0.8, 0.8]), "sgd_lr=1": trial([0.7, 0.95])}
    runs["sgd_lr=10"] = trial([0.99, 0.99], diverged=[1])
    runs["adam_lr=1_betas=0.9-0.99"] = trial([0.1, 0.1], [2.31, 2.31])
    table = describe_trials(grids, runs)
    assert table[table["chosen"]]["trial"].tolist() == ["sgd_lr=1"], "no trial of adam"
    assert table["lr"].tolist() == [0.1, 1, 10, 1]
    assert table["betas"].tolist()[3] == "[0.9, 0.99]"
