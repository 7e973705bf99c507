import math

import pandas as pd
from descent.sweep.plot_sweep import plot_sensitivity

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


def test_a_grid_of_the_learning_rate_alone_has_one_line():
    (panel,) = plot_sensitivity(TRIALS[:2], {"sgd": []}, {"sgd": "none"}).axes
    assert len(panel.lines[0].get_xdata()) == 2 and len(panel.lines) == 3
