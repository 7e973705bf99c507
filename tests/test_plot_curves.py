"""The curves of a network: running means, their spread over seeds, and where they end."""

import numpy as np
import pandas as pd
import pytest
from descent.report.plot_curves import Line, by_epoch, plot_training, smooth


def training(losses: np.ndarray) -> pd.DataFrame:
    """training.csv with the losses [iterations, seeds], and accuracies that are one minus them."""
    frame = pd.DataFrame(losses).stack().rename_axis(["iteration", "seed"]).rename("loss").reset_index()
    return frame.assign(epoch=0, accuracy=1 - frame["loss"])


def line(curve: pd.DataFrame, **change) -> Line:
    known = {"name": "a", "colour": "blue", "style": "custom", "diverged": False, "training": curve}
    return Line(**known | {"test": curve, "losses": curve["loss", "mean"]} | change)


def test_curves_are_running_means_of_each_seed_and_then_mean_and_deviation_over_seeds():
    losses = np.random.default_rng(0).random((40, 3))
    curve = smooth(training(losses), window=10)
    assert curve.index.tolist() == list(range(9, 40, 5))
    for iteration in curve.index:
        means = losses[iteration - 9 : iteration + 1].mean(axis=0)
        assert curve.loc[iteration, ("loss", "mean")] == pytest.approx(means.mean())
        assert curve.loc[iteration, ("loss", "std")] == pytest.approx(means.std(ddof=1))
        assert curve.loc[iteration, ("accuracy", "mean")] == pytest.approx(1 - means.mean())


def test_a_window_longer_than_the_training_is_the_whole_training():
    assert smooth(training(np.full((4, 1), 0.5)), window=100).index.tolist() == [3]


def test_a_variant_that_diverges_before_the_window_is_full_is_seen():
    losses = np.full((40, 2), 0.5)
    losses[3:, 1] = np.nan
    assert smooth(training(losses), window=20, diverged=[3]).index.tolist() == [2]


def test_a_curve_ends_where_a_seed_diverges_and_says_so():
    losses = np.full((40, 2), 0.5)
    losses[30:, 1] = np.nan
    curve = smooth(training(losses), window=4, diverged=[30])
    assert curve["loss", "mean"].last_valid_index() == curve["accuracy", "mean"].last_valid_index() == 29
    figure = plot_training([line(curve, diverged=True)], "title", 4)
    drawn, cross = figure.axes[0].lines
    assert drawn.get_label() == "a (diverged)"
    assert cross.get_xdata() == [29]


def test_a_figure_overlays_its_variants_with_one_band_each():
    curve = smooth(training(np.random.default_rng(0).random((40, 3))), window=10)
    figure = plot_training([line(curve), line(curve, name="b", colour="red", style="torch")], "title", 10)
    assert figure.get_suptitle() == "title"
    for panel in figure.axes:
        custom, torch = panel.lines
        assert [custom.get_label(), torch.get_label()] == ["a", "b"]
        assert custom.get_linewidth() > 2 * torch.get_linewidth()
        assert torch.is_dashed()
        assert len(panel.collections) == 2


def test_a_variants_own_figure_shows_every_minibatch_below_its_curve():
    losses = np.random.default_rng(0).random((40, 3))
    measured = training(losses)
    figure = plot_training([line(smooth(measured, window=10), style="alone")], "title", 10, measured)
    *seeds, curve = figure.axes[0].lines
    np.testing.assert_array_equal(np.array([seed.get_ydata() for seed in seeds]).T, losses)
    assert curve.get_label() == "a"
    assert figure.axes[0].get_yscale() == "log" and "log scale" in figure.axes[0].get_ylabel()


def test_the_test_sets_curves_end_where_a_seed_diverges():
    losses = {0: [0.5, np.nan, np.nan], 1: [0.4, 0.3, 0.2]}
    rows = [{"seed": s, "epoch": e, "loss": x, "accuracy": x} for s, its in losses.items() for e, x in enumerate(its)]
    curve = by_epoch(pd.DataFrame(rows))
    assert curve.index.tolist() == [1]
    assert curve["loss", "mean"].tolist() == [pytest.approx(0.45)]
