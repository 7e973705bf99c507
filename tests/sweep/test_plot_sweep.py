import math

import pandas as pd
import pytest
from descent.sweep.plot_sweep import plot_ranking, plot_sensitivity

TRIALS = pd.DataFrame(
    {"optimizer": "sgd", "trial": list("abcd"), "lr": [0.1, 1, 0.1, 1], "momentum": [0, 0, 0.9, 0.9]}
).assign(validation_accuracy_mean=[0.9, math.nan, 0.95, math.nan])


def test_the_sensitivity_is_the_best_of_the_other_hyperparameters_with_a_thin_line_for_each():
    (panel,) = plot_sensitivity(TRIALS, {"sgd": ["momentum"]}, {"sgd": "a"}).axes
    *thin, best, lost, usual = panel.lines
    errors = [[round(y, 6) for y in line.get_ydata()] for line in (*thin, best)]
    assert [its[0] for its in errors] == [0.1, 0.05, 0.05], "1 − accuracy"
    assert all(math.isnan(its[1]) for its in errors)
    assert all(line.get_linewidth() < best.get_linewidth() for line in thin)
    assert (list(lost.get_xdata()), list(usual.get_xdata())) == ([1], [0.1])
    assert panel.get_yscale() == panel.get_xscale() == "log"
    assert panel.yaxis.get_major_formatter()(0.05) == "95 %"


def test_the_ranking_shows_each_seed_the_mean_and_the_bound_and_who_may_be_the_best():
    ranking = pd.DataFrame({"optimizer": ["a", "b", "c"], "test_accuracy_mean": [0.98, 0.96, 0.7]}).assign(
        may_be_best=[True, False, None],
        behind_at_most=[0.01, 0.03, math.nan],
        test_accuracy_by_seed=["0.9700 0.9900", "0.9600 0.9600", "0.9000 0.5000"],
    )
    (panel,) = plot_ranking(ranking, list("abc")).axes
    seeds = [line.get_ydata().tolist() for line in panel.lines if line.get_marker() == "o"]
    assert seeds == [pytest.approx([97, 99]), pytest.approx([96, 96])], "who is not ranked is not shown"
    bounds = [line.get_ydata() for line in panel.lines if len({*line.get_xdata()}) == 1]
    assert bounds[0] == pytest.approx([98, 97]) and bounds[1] == pytest.approx([96, 95])
    (may_be_best,) = [line for line in panel.lines if line.get_linewidth() == 4]
    assert may_be_best.get_xdata() == pytest.approx([-0.5, 0.5])
