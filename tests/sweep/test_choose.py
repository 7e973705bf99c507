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


def test_a_trial_is_the_mean_over_its_seeds_after_the_last_epoch():
    row = describe_trial(trial([0.8, 0.9]))
    assert row["validation_accuracy_mean"] == pytest.approx(0.85)
    assert (row["seeds"], row["lost_seeds"]) == (2, 0)


@pytest.mark.parametrize(
    ("run", "diverged", "guessing"),
    [
        (trial([0.1, 0.9], diverged=[0]), 1, 0),
        (trial([0.11, 0.9], [2.31, 0.1]), 0, 1),
        (trial([0.11, 0.9], [2.0, 0.1]), 0, 0),  # it has learnt something, or is only unlucky
        (trial([0.3, 0.9], [2.31, 0.1]), 0, 0),
        (trial([0.11, 0.1], [math.nan, 2.4], diverged=[0]), 1, 1),
    ],
)
def test_a_seed_is_lost_if_it_diverged_or_only_guesses_and_then_the_trial_has_no_mean(run, diverged, guessing):
    row = describe_trial(run)
    assert (row["diverged_seeds"], row["guessing_seeds"], row["lost_seeds"]) == (
        diverged,
        guessing,
        diverged + guessing,
    )
    assert math.isnan(row["validation_accuracy_mean"]) == (diverged + guessing > 0)


def test_the_trial_with_the_highest_mean_of_those_that_lost_no_seed_is_chosen():
    grids = {
        "sgd": {"optimizer": "sgd", "lr": [0.1, 1, 10]},
        "adam": {"optimizer": "adam", "lr": [1], "betas": [0.9, 0.99]},
    }
    runs = {
        "sgd_lr=0.1": trial([0.8, 0.8]),
        "sgd_lr=1": trial([0.7, 0.95]),
        "sgd_lr=10": trial([0.99, 0.99], diverged=[1]),
        "adam_lr=1_betas=0.9-0.99": trial([0.1, 0.1], [2.31, 2.31]),
    }
    table = describe_trials(grids, runs)
    assert table[table["chosen"]]["trial"].tolist() == ["sgd_lr=1"], "no trial of adam"
    assert table[table["chosen_by_first_half"]]["trial"].tolist() == ["sgd_lr=10"], "its first seed did not diverge"
    assert table[table["chosen_by_second_half"]]["trial"].tolist() == ["sgd_lr=1"]
    assert table["lr"].tolist() == [0.1, 1, 10, 1]
    assert table["betas"].tolist()[3] == "[0.9, 0.99]"
