from types import SimpleNamespace

import numpy as np
import pytest
from descent.statistics import describe
from descent.steps.rank import describe_final, rank


def test_optimizers_that_may_be_the_best_are_told_from_those_behind():
    random = np.random.default_rng(0)
    right = {"bad": 0.5, "good": 0.9, "as good": 0.899}
    table = rank({name: (random.random((6, 2000)) < p).astype(float) for name, p in right.items()})
    assert table.set_index("optimizer")["may_be_best"].to_dict() == {"bad": False, "good": True, "as good": True}
    assert 0.4 < table["behind_at_most"][0] < 0.45


def test_a_final_accuracy_is_described_over_the_seeds_diverged_ones_included():
    correct = np.repeat([[1.0], [0.5], [0.75], [0.1]], 20, axis=1)
    row = describe_final("default_", SimpleNamespace(correct=correct, diverged={3: 7}))
    assert (row["default_runs"], row["default_diverged_runs"]) == (4, 1)
    assert row["default_worst_seed"] == pytest.approx(0.1)
    expected = describe("default_test_accuracy", [1, 0.5, 0.75, 0.1], (0, 1))
    assert {name: row[name] for name in expected} == pytest.approx(expected)
