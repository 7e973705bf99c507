import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from descent.compare.statistics import describe
from descent.experiment import grids
from descent.experiment.variants import name_of
from descent.sweep.rank import describe_final_runs, other_choices, rank, tolerance


def test_optimizers_that_may_be_the_best_are_told_from_those_behind():
    random = np.random.default_rng(0)
    right = {"bad": 0.5, "good": 0.9, "as good": 0.899}
    table = rank({name: (random.random((6, 2000)) < p).astype(float) for name, p in right.items()})
    assert table.set_index("optimizer")["may_be_best"].to_dict() == {"bad": False, "good": True, "as good": True}
    assert 0.4 < table["behind_at_most"][0] < 0.45


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [(0, 0, ""), (0, 1, "lr 0.1 or lr 1"), (None, 0, ""), (None, 1, "lr 1")],
)
def test_what_other_seeds_would_have_chosen_is_said_if_it_is_another_trial(first, second, said):
    grid = {"optimizer": "sgd", "lr": [0.1, 1], "schedule": "linear"}
    settings = grids.settings({"sgd": grid})
    trials = pd.DataFrame({"trial": [name_of(point) for point in grids.points(grid)], "chosen": [True, False]})
    for name, row in {"chosen_by_first_half": first, "chosen_by_second_half": second}.items():
        trials[name] = trials.index == row
    assert other_choices(grid, trials, settings) == said


def test_the_tolerance_is_the_range_of_learning_rates_within_half_a_point_of_the_best():
    accuracies = [0.5, 0.94, 0.9, 0.936, math.nan]
    trials = pd.DataFrame({"lr": [0.01, 0.1, 0.1, 1, 10], "validation_accuracy_mean": accuracies})
    assert tolerance(trials) == pytest.approx(1)


def test_a_final_accuracy_is_described_over_the_seeds_diverged_ones_included():
    correct = np.repeat([[1.0], [0.5], [0.75], [0.1]], 20, axis=1)
    row = describe_final_runs("default_", SimpleNamespace(correct=correct, diverged={3: 7}))
    assert (row["default_runs"], row["default_diverged_runs"]) == (4, 1)
    assert row["default_worst_seed"] == pytest.approx(0.1)
    expected = describe("default_test_accuracy", [1, 0.5, 0.75, 0.1], (0, 1))
    assert {name: row[name] for name in expected} == pytest.approx(expected)
