import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from descent.compare.statistics import describe
from descent.sweep.rank import describe_final_runs, lost, rank, tolerance


def test_optimizers_that_may_be_the_best_are_told_from_those_behind():
    random = np.random.default_rng(0)
    right = {"bad": 0.5, "good": 0.9, "as good": 0.899}
    table = rank({name: (random.random((6, 2000)) < p).astype(float) for name, p in right.items()})
    assert table.set_index("optimizer")["may_be_best"].to_dict() == {"bad": False, "good": True, "as good": True}
    assert 0.4 < table["behind_at_most"][0] < 0.45
    assert rank({}).empty


def test_the_tolerance_is_the_range_of_learning_rates_within_half_a_point_of_the_best():
    accuracies = [0.5, 0.94, 0.9, 0.936, math.nan]
    trials = pd.DataFrame({"lr": [0.01, 0.1, 0.1, 1, 10], "validation_accuracy_mean": accuracies})
    assert tolerance(trials) == pytest.approx(1)


def final_run(accuracies: list[float], losses: list[float] | None = None, diverged: tuple[int, ...] = ()):
    """A final run on 100 test images, after one epoch."""
    seeds = range(len(accuracies))
    evaluation = {"seed": seeds, "epoch": 0, "loss": losses or 0.1, "accuracy": accuracies}
    correct = np.array([[image < 100 * accuracy for image in range(100)] for accuracy in accuracies], dtype=float)
    return SimpleNamespace(
        evaluation=pd.DataFrame(evaluation), record={"epochs": 1}, correct=correct, diverged=dict.fromkeys(diverged, 7)
    )


LOST = {
    "three times the errors": (final_run([0.98, 0.97, 0.98, 0.92]), []),
    "diverged": (final_run([0.98, 0.97, 0.98, 0.97], diverged=(1,)), [1]),
    "all guess": (final_run([0.1, 0.1], [2.4, 2.4]), [0, 1]),
    "collapsed": (final_run([0.98, 0.5, 0.98, 0.97]), [1]),
    "collapsed on hard data": (final_run([0.88, 0.87, 0.5, 0.88]), [2]),
    "one of two": (final_run([0.98, 0.5]), [1]),
    "all bad": (final_run([0.5, 0.6, 0.4, 0.5]), []),
    "hardly an error": (final_run([1, 1, 1, 0.98]), []),
}


@pytest.mark.parametrize(("run", "seeds"), LOST.values(), ids=LOST)
def test_a_final_seed_is_lost_if_it_diverged_guesses_or_makes_far_more_errors_than_the_others(run, seeds):
    assert np.flatnonzero(lost(run)).tolist() == seeds


def test_a_final_accuracy_is_described_over_all_seeds_and_the_lost_ones_are_counted():
    row = describe_final_runs("default_", final_run([0.95, 0.9, 0.92, 0.1], [1, 1, 1, 3]))
    assert (row["default_runs"], row["default_lost_runs"]) == (4, 1)
    assert row["default_test_accuracy_by_seed"] == "0.9500 0.9000 0.9200 0.1000"
    expected = describe("default_test_accuracy", [0.95, 0.9, 0.92, 0.1], (0, 1))
    assert {name: row[name] for name in expected} == pytest.approx(expected)
