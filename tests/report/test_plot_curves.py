"""The curves of a network: running means, their spread over seeds, and where they end."""

import json
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from checkouts import REPOSITORY
from descent.drawing import COLOURS, GREY, Style, scale_of_errors, styles
from descent.report.plot_accuracies import plot_accuracies
from descent.report.plot_curves import Line, by_epoch, plot_test, plot_training, smooth, to_json
from matplotlib.figure import Figure


def training(losses: np.ndarray) -> pd.DataFrame:
    """training.csv with the losses [iterations, seeds], and accuracies that are one minus them."""
    frame = pd.DataFrame(losses).stack().rename_axis(["iteration", "seed"]).rename("loss").reset_index()
    return frame.assign(epoch=0, accuracy=1 - frame["loss"])


def line(curve: pd.DataFrame, **change) -> Line:
    known = {"names": ["a"], "style": Style("#0072B2", ()), "circles": False, "diverged": False, "training": curve}
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


def test_a_figure_overlays_its_variants_with_one_band_each_and_circles_on_pytorchs():
    curve = smooth(training(np.random.default_rng(0).random((40, 3))), window=10)
    figure = plot_training([line(curve), line(curve, names=["b", "c"], circles=True)], "title", 10)
    assert figure.get_suptitle() == "title"
    for panel in figure.axes:
        custom, torch = panel.lines
        assert [custom.get_label(), torch.get_label()] == ["a", "b = c"]
        assert (custom.get_marker(), torch.get_marker()) == ("None", "o")
        assert len(panel.collections) == 2


def test_a_variants_own_figure_shows_every_minibatch_below_its_curve_on_a_linear_axis():
    losses = np.random.default_rng(0).random((40, 3))
    measured = training(losses)
    figure = plot_training([line(smooth(measured, window=10))], "title", 10, measured)
    *seeds, curve = figure.axes[0].lines
    np.testing.assert_array_equal(np.array([seed.get_ydata() for seed in seeds]).T, losses)
    assert curve.get_label() == "a"
    assert figure.axes[0].get_yscale() == "linear" and "log" not in figure.axes[0].get_ylabel()
    overlaid = plot_training([line(smooth(measured, window=10))], "title", 10)
    assert overlaid.axes[0].get_yscale() == "log" and "log scale" in overlaid.axes[0].get_ylabel()


def test_a_training_of_one_point_is_seen_and_the_window_that_was_used_is_said():
    measured = training(np.full((4, 2), 0.5))
    curve = smooth(measured, window=50)
    figure = plot_training([line(curve)], "title", 50)
    assert all(panel.lines[0].get_marker() == "o" for panel in figure.axes)
    assert "running mean over 4 iterations" in figure.get_supxlabel()
    figure = plot_test([line(curve, losses=pd.Series([0.5]))], "title")
    assert all(panel.lines[-1].get_marker() == "o" for panel in figure.axes)
    assert figure.axes[0].lines[0].get_marker() == "."


def test_a_loss_above_the_figure_has_a_mark_with_its_value_and_a_band_stays_above_0():
    losses = np.array([[2.0, 2.0], [5000.0, 1.0], [0.2, 0.01]])
    curve = smooth(training(losses), window=1)
    panel = plot_training([line(curve)], "title", 1).axes[0]
    assert panel.get_ylim()[1] == 10
    (mark,) = [its for its in panel.lines if its.get_marker() == "^"]
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([1], [10])
    assert [text.get_text().strip() for text in panel.texts] == ["2.5e+03"]
    (band,) = panel.collections
    assert band.get_paths()[0].vertices[:, 1].min() > 0


def test_many_that_are_bit_identical_have_a_short_label():
    curve = smooth(training(np.full((4, 2), 0.5)), window=2)
    assert line(curve, names=["a", "b", "c"]).label == "a = b = c"
    assert (
        line(curve, names=[f"v{i}" for i in range(30)], diverged=True).label == "v0 = … = v29 (30 variants) (diverged)"
    )


def test_losses_that_all_are_above_the_figure_leave_its_axis_upright():
    curve = by_epoch(pd.DataFrame({"seed": 0, "epoch": [0, 1, 2], "loss": [500.0, 800, 900], "accuracy": 0.1}))
    bottom, top = plot_test([line(curve, losses=pd.Series([500.0, 800, 900]))], "title").axes[0].get_ylim()
    assert bottom < top == 10


@pytest.mark.parametrize(("worst", "best"), [(0.0178, 0.0175), (0.0008, 0.0003), (0.9, 0.01), (0.06, 0.024)])
def test_a_scale_of_accuracies_has_at_least_two_ticks(worst, best):
    panel = Figure().subplots()
    scale_of_errors(panel, "x", worst, best)
    low, high = sorted(panel.get_xlim())
    assert sum(low <= tick <= high for tick in panel.get_xticks()) >= 2


def test_the_pages_curves_have_every_minibatch_of_the_first_seed():
    measured = training(np.random.default_rng(0).random((40, 3)))
    infinite = measured.replace({"loss": {measured["loss"].iloc[0]: np.inf}})
    assert json.loads(to_json([line(smooth(measured, window=10))], {"a": SimpleNamespace(training=infinite)}))
    run = SimpleNamespace(training=measured)
    (its,) = json.loads(to_json([line(smooth(measured, window=10), names=["a", "b"])], {"a": run}))
    assert (its["names"], its["label"], its["minibatches"]["seed"]) == (["a", "b"], "a = b", 0)
    first = measured[measured["seed"] == 0]
    assert its["minibatches"]["loss"] == pytest.approx(first["loss"].tolist(), abs=1e-3)
    assert len(its["iteration"]["x"]) == len(its["iteration"]["loss_std"]) == 7


def luminance(colour: str) -> float:
    """Relative, as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("ground", ["#FFFFFF", "#0D1117"], ids=["light", "dark"])
def test_every_line_has_a_contrast_of_3_to_1_with_its_ground(ground):
    css = (REPOSITORY / "workflow/report/page.css").read_text()
    assert ground == "#FFFFFF" or f"--paper: {ground.lower()}" in css
    for colour in [*COLOURS, GREY]:
        dark, light = sorted([luminance(colour), luminance(ground)])
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


def test_eight_variants_are_told_apart_by_colour_and_dashes():
    first = list(islice(styles(), 8))
    assert len(set(first)) == 8
    assert len({style.colour for style in first if not style.dash}) == 5


def test_the_test_sets_curves_end_where_a_seed_diverges():
    losses = {0: [0.5, np.nan, np.nan], 1: [0.4, 0.3, 0.2]}
    rows = [{"seed": s, "epoch": e, "loss": x, "accuracy": x} for s, its in losses.items() for e, x in enumerate(its)]
    curve = by_epoch(pd.DataFrame(rows))
    assert curve.index.tolist() == [1]
    assert curve["loss", "mean"].tolist() == [pytest.approx(0.45)]


def test_the_strip_has_a_point_for_each_seed_and_the_mean_and_the_interval_of_each_variant():
    row = {
        "network": "a",
        "variant": "x, y",
        "first": "x",
        "test_accuracy_by_seed": "0.9000 0.9200",
        "diverged_seeds": 0,
    }
    row |= {"test_accuracy_mean": 0.91, "test_accuracy_low": 0.89, "test_accuracy_high": 0.93}
    lost = row | {"variant": "z", "first": "z", "test_accuracy_by_seed": "diverged 0.9500", "diverged_seeds": 1}
    lost |= dict.fromkeys(("test_accuracy_mean", "test_accuracy_low", "test_accuracy_high"), np.nan)
    styles_ = {"x": Style("#0072B2", ()), "z": Style("#D55E00", ())}
    figure = plot_accuracies([row, lost, row | {"network": "b"}], styles_)
    above, below = figure.axes
    assert [text.get_text() for text in above.get_yticklabels()] == ["x = y", "z (diverged)"]
    points = [its for its in above.lines if its.get_marker() == "o"]
    assert [its.get_xdata().tolist() for its in points] == [pytest.approx([0.1, 0.08]), pytest.approx([0.05])]
    (mean,) = [its for its in above.lines if its.get_marker() == "|"]
    assert mean.get_xdata() == pytest.approx([0.09])
    assert above.lines[2].get_xdata() == pytest.approx([0.11, 0.07])
    assert above.get_xlim()[0] > above.get_xlim()[1], "accuracy rises to the right"
    assert below.get_title(loc="left") == "b"
