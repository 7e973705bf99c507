"""The curves of a network: running means, their spread over seeds, and where they end; and the strip of accuracies."""

import json
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from checkouts import REPOSITORY
from descent.drawing import COLOURS, GREY, Style, scale_of_errors, styles, styles_of
from descent.report.plot_accuracies import plot_accuracies
from descent.report.plot_curves import Line, by_epoch, plot_test, plot_training, smooth, to_json
from matplotlib.figure import Figure

LOSSES = np.random.default_rng(0).random((40, 3))


def training(losses: np.ndarray) -> pd.DataFrame:
    """training.csv with the losses [iterations, seeds], and accuracies that are one minus them."""
    frame = pd.DataFrame(losses).stack().rename_axis(["iteration", "seed"]).rename("loss").reset_index()
    return frame.assign(epoch=0, accuracy=1 - frame["loss"])


CURVE = smooth(training(LOSSES), window=10)


def line(curve: pd.DataFrame = CURVE, **change) -> Line:
    known = {"names": ["a"], "style": Style("#0072B2", ()), "circles": False, "diverged": False, "training": curve}
    return Line(**known | {"test": curve, "losses": curve["loss", "mean"]} | change)


def test_curves_are_running_means_of_each_seed_and_then_mean_and_deviation_over_seeds():
    assert CURVE.index.tolist() == list(range(9, 40, 5))
    for iteration in CURVE.index:
        means = LOSSES[iteration - 9 : iteration + 1].mean(axis=0)
        its = CURVE.loc[iteration, [("loss", "mean"), ("loss", "std"), ("accuracy", "mean")]]
        assert its.tolist() == pytest.approx([means.mean(), means.std(ddof=1), 1 - means.mean()])


# Iterations, a window, where the seeds diverge, and the first and the last point: a window longer than the training, a
# seed that diverges before the window is full, and two that diverge later.
ENDS = [(4, 100, [], (3, 3)), (40, 20, [3], (2, 2)), (40, 4, [35, 30], (3, 29))]


@pytest.mark.parametrize(("iterations", "window", "diverged", "ends"), ENDS)
def test_a_curve_starts_with_the_first_whole_window_and_ends_where_a_seed_diverges(iterations, window, diverged, ends):
    losses = np.full((iterations, 2), 0.5)
    for seed, iteration in enumerate(diverged):
        losses[iteration:, seed] = np.nan
    curve = smooth(training(losses), window, diverged)
    assert (curve.index[0], curve.index[-1]) == ends and curve["loss", "mean"].notna().all()


def test_a_figure_overlays_its_variants_with_one_band_each_circles_on_pytorchs_and_a_cross_where_one_diverged():
    figure = plot_training([line(diverged=True), line(names=["b", "c"], circles=True)], "title", 10)
    assert figure.get_suptitle() == "title"
    for panel in figure.axes:
        custom, cross, torch = panel.lines
        assert [custom.get_label(), torch.get_label()] == ["a (diverged)", "b = c"]
        assert [its.get_marker() for its in panel.lines] == ["None", "X", "o"]
        assert (cross.get_xdata(), cross.get_ydata()) == ([39], [custom.get_ydata()[-1]])
        assert len(panel.collections) == 2


def test_a_legend_of_more_than_five_is_beside_its_panel():
    legends = [plot_training([line()] * n, "title", 10).axes[1].get_legend() for n in (5, 6)]
    assert [its.get_bbox_to_anchor().width > 0 for its in legends] == [True, False], "6 have a point as their anchor"


def test_a_variants_own_figure_shows_every_minibatch_below_its_curve_on_a_linear_axis():
    figure = plot_training([line()], "title", 10, training(LOSSES))
    *seeds, curve = figure.axes[0].lines
    np.testing.assert_array_equal(np.array([seed.get_ydata() for seed in seeds]).T, LOSSES)
    assert curve.get_label() == "a"
    overlaid = plot_training([line()], "title", 10)
    for its, scale in ((figure, "linear"), (overlaid, "log")):
        assert its.axes[0].get_yscale() == scale and ("log scale" in its.axes[0].get_ylabel()) == (scale == "log")


def test_a_training_of_one_point_is_seen_and_the_window_that_was_used_is_said():
    curve = smooth(training(np.full((4, 2), 0.5)), window=50)
    figure = plot_training([line(curve)], "title", 50)
    assert "running mean over 4 iterations" in figure.get_supxlabel()
    tested = plot_test([line(curve, losses=pd.Series([0.5]))], "title")
    assert all(panel.lines[-1].get_marker() == "o" for panel in figure.axes + tested.axes)
    assert (tested.axes[0].lines[0].get_marker(), *tested.axes[0].lines[0].get_xdata()) == (".", 1)


def test_a_loss_above_the_figure_has_a_mark_with_its_value_and_a_band_stays_above_0():
    losses = np.array([[2.0, 2.0], [5000.0, 1.0], [0.2, 0.01]])
    panel = plot_training([line(smooth(training(losses), window=1))], "title", 1).axes[0]
    assert panel.get_ylim()[1] == 10
    (mark,) = [its for its in panel.lines if its.get_marker() == "^"]
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([1], [10])
    assert [text.get_text().strip() for text in panel.texts] == ["2.5e+03"]
    (band,) = panel.collections
    assert band.get_paths()[0].vertices[:, 1].min() > 0
    curve = smooth(training(np.full((3, 1), 800.0)), window=1)
    bottom, top = plot_test([line(curve)], "title").axes[0].get_ylim()
    assert bottom < top == 10, "upright, though all losses are above it"


def test_many_that_are_bit_identical_have_a_short_label():
    three, thirty = [f"v{i}" for i in range(3)], [f"v{i}" for i in range(30)]
    assert line(names=three).label == "v0 = v1 = v2"
    assert line(names=thirty, diverged=True).label == "v0 = … = v29 (30 variants) (diverged)"


ERRORS = [(0.0178, 0.0175), (0.0155, 0.0145), (0.0008, 0.0003), (0.9, 0.01), (0.06, 0.024)]


@pytest.mark.parametrize(("worst", "best"), ERRORS)
def test_a_scale_of_accuracies_rises_and_has_at_least_two_ticks_in_per_cent(worst, best):
    panel = Figure().subplots()
    scale_of_errors(panel, "x", worst, best)
    high, low = panel.get_xlim()
    ticks = [tick for tick in panel.get_xticks() if low <= tick <= high]
    assert high > worst > best > low and len(ticks) >= 2
    assert panel.xaxis.get_major_formatter()(0.03) == "97 %"


def test_the_pages_curves_have_every_minibatch_of_the_first_seed():
    measured = training(LOSSES)
    measured.loc[0, "loss"] = np.inf
    (its,) = json.loads(to_json([line(names=["a", "b"])], {"a": SimpleNamespace(training=measured)}))
    assert (its["names"], its["label"], its["minibatches"]["seed"]) == (["a", "b"], "a = b", 0)
    first, *others = its["minibatches"]["loss"]
    assert first is None and others == pytest.approx(LOSSES[1:, 0].tolist(), abs=1e-3)
    assert its["iteration"]["x"] == CURVE.index.tolist()
    assert its["iteration"]["loss_std"] == pytest.approx(CURVE["loss", "std"].tolist(), rel=0.05)


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


def test_eight_variants_are_told_apart_by_colour_and_dashes_and_twins_share_them():
    first = list(islice(styles(), 8))
    assert len(set(first)) == 8
    assert len({style.colour for style in first if not style.dash}) == 5
    record = {"optimizer": "sgd", "hyperparameters": {"lr": 1}, "schedule": "constant", "warmup": 0}
    changes = {"sgd": {"implementation": "custom"}, "twin": {"implementation": "torch"}}
    changes |= {"slow": {"hyperparameters": {"lr": 0.1}}, "decayed": {"schedule": "linear"}}
    runs = {name: SimpleNamespace(record=record | its) for name, its in changes.items()}
    assert styles_of(runs) == dict(zip(changes, [first[0], *first]))


def test_the_test_sets_curves_end_where_a_seed_diverges():
    losses = {0: [0.5, np.nan, np.nan], 1: [0.4, 0.3, 0.2]}
    rows = [{"seed": s, "epoch": e, "loss": x, "accuracy": x} for s, its in losses.items() for e, x in enumerate(its)]
    curve = by_epoch(pd.DataFrame(rows))
    assert curve.index.tolist() == [1]
    assert curve["loss", "mean"].tolist() == [pytest.approx(0.45)]


def test_the_strip_has_a_point_for_each_seed_and_the_mean_and_the_interval_of_each_variant():
    figures = [f"test_accuracy_{figure}" for figure in ("mean", "low", "high")]
    row = {"network": "a", "variant": "x, y", "first": "x", "test_accuracy_by_seed": "0.9000 0.9200"}
    row |= {"diverged_seeds": 0} | dict(zip(figures, (0.91, 0.89, 0.93)))
    lost = row | {"variant": "z", "first": "z", "test_accuracy_by_seed": "diverged 1.0000", "diverged_seeds": 1}
    lost |= dict.fromkeys(figures, np.nan)
    its_styles = {"x": Style("#0072B2", ()), "z": Style("#D55E00", ())}
    above, below = plot_accuracies([row, lost, row | {"network": "b"}], its_styles).axes
    assert [text.get_text() for text in above.get_yticklabels()] == ["x = y", "z (diverged)"]
    points = [its for its in above.lines if its.get_marker() == "o"]
    assert [its.get_xdata().tolist() for its in points] == [pytest.approx([0.1, 0.08]), pytest.approx([1e-4])]
    (mean,) = [its for its in above.lines if its.get_marker() == "|"]
    assert mean.get_xdata() == pytest.approx([0.09])
    assert above.lines[2].get_xdata() == pytest.approx([0.11, 0.07])
    assert above.get_xlim()[0] > above.get_xlim()[1], "accuracy rises to the right"
    assert below.get_title(loc="left") == "b"
