from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from descent.statistics import crossed_interval, describe, holm
from descent.steps.rank import describe_final, rank


def test_optimizers_rank_by_their_means_and_tie_where_seeds_and_images_do_not_tell_them_apart():
    random = np.random.default_rng(0)
    right = {"bad": 0.5, "good": 0.9, "as good": 0.899}
    correct = {name: (random.random((6, 2000)) < p).astype(float) for name, p in right.items()}
    table = rank(correct)
    assert set(table["optimizer"][:2]) == {"good", "as good"}
    assert table["group"].tolist() == [1, 1, 2]
    assert table["behind_low"][2] > 0.3
    same = rank({"one": np.ones((4, 10)), "other": np.ones((4, 10))})
    assert same["p_holm"].tolist()[1:] == [1]
    # Of three pairs, those with the first are in the table.
    ordered = [correct[name] for name in table["optimizer"]]
    p = holm([crossed_interval(one - other)[2] for one, other in combinations(ordered, 2)])
    assert table["p_holm"].tolist()[1:] == p[:2].tolist()
    assert table["behind_mean"].tolist() == pytest.approx([0, *(ordered[0].mean() - its.mean() for its in ordered[1:])])


def test_a_final_accuracy_is_described_over_the_seeds_diverged_ones_included():
    correct = np.repeat([[1.0], [0.5], [0.75], [0.1]], 20, axis=1)
    row = describe_final("default_", SimpleNamespace(correct=correct, diverged={3: 7}))
    assert (row["default_runs"], row["default_diverged_runs"]) == (4, 1)
    expected = describe("default_test_accuracy", [1, 0.5, 0.75, 0.1], (0, 1))
    assert {name: row[name] for name in expected} == pytest.approx(expected)
