import math

import numpy as np
import pandas as pd
import pytest
from descent.statistics import describe, prediction_interval
from descent.steps.plot_curves import STYLES, plot, smooth
from descent.steps.summarize import DIFFERENCES, describe_difference, describe_run, last_epoch, to_markdown


def evaluation(accuracies: list[float]) -> pd.DataFrame:
    """evaluation.csv of two epochs; ``accuracies`` are those of the last, a seed each."""
    return pd.DataFrame(
        [
            {"seed": seed, "epoch": epoch, "loss": 1.0 - epoch, "accuracy": accuracy * epoch}
            for seed, accuracy in enumerate(accuracies)
            for epoch in (0, 1)
        ]
    )


def test_the_interval_is_students():
    spread = describe("x", [1.0, 2.0, 3.0, 4.0, 5.0])
    assert spread["x_mean"] == 3
    assert spread["x_std"] == pytest.approx(math.sqrt(2.5))
    # t for 95 % and four degrees of freedom is 2.776 in every table.
    assert spread["x_high"] - 3 == pytest.approx(2.776 * math.sqrt(2.5 / 5), rel=1e-3)
    assert spread["x_low"] == pytest.approx(6 - spread["x_high"])


def test_one_seed_has_no_spread():
    spread = describe("x", [0.25])
    assert spread["x_mean"] == 0.25
    assert all(math.isnan(spread[f"x_{name}"]) for name in ("std", "low", "high"))


def test_the_prediction_interval_holds_one_more_value_in_95_of_100_cases():
    random = np.random.default_rng(0)
    inside = 0
    for values in random.normal(3, 2, (4000, 6)):
        low, high = prediction_interval(values[:5])
        inside += low <= values[5] <= high
    assert inside / 4000 == pytest.approx(0.95, abs=0.012)  # 3.5 standard deviations of this count


NONE_DIVERGED = {}


def test_the_summary_is_that_of_the_last_epoch():
    row = describe_run("small", "a", last_epoch(evaluation([0.5, 0.7]), NONE_DIVERGED), NONE_DIVERGED)
    assert (row["network"], row["variant"], row["seeds"], row["diverged_seeds"]) == ("small", "a", 2, 0)
    assert row["test_accuracy_mean"] == pytest.approx(0.6)
    assert row["test_accuracy_std"] == pytest.approx(math.sqrt(0.02))
    assert row["test_loss_mean"] == 0


def test_differences_are_taken_seed_by_seed():
    one, two = (last_epoch(evaluation(accuracies), NONE_DIVERGED) for accuracies in ([0.9, 0.5], [0.8, 0.4]))
    row = describe_difference("small", "a", "b", one, two)
    assert row["test_accuracy_difference_mean"] == pytest.approx(0.1)
    assert row["test_accuracy_difference_std"] == pytest.approx(0, abs=1e-12)
    assert list(row) == DIFFERENCES


def test_a_run_that_diverged_has_no_mean():
    last = last_epoch(evaluation([0.5, 0.7]), {1: 30})
    row = describe_run("small", "a", last, {1: 30})
    assert (row["diverged_seeds"], row["diverged_iteration"]) == (1, 30)
    assert math.isnan(row["test_accuracy_mean"])
    text = to_markdown(pd.DataFrame([row]), pd.DataFrame(columns=DIFFERENCES))
    assert "| small | a | 2 | diverged: 1 of 2 seeds, from iteration 30 | diverged |" in text


def test_the_markdown_table_gives_per_cent_and_says_when_there_is_no_spread():
    def table(accuracies):
        last = last_epoch(evaluation(accuracies), NONE_DIVERGED)
        difference = describe_difference("small", "a", "b", last, last * 0)
        return to_markdown(pd.DataFrame([describe_run("small", "a", last, NONE_DIVERGED)]), pd.DataFrame([difference]))

    assert "| small | a | 2 | 60.00 ± 14.14 [" in table([0.5, 0.7])
    assert "| small | a − b | 2 | 60.00 ± 14.14 [" in table([0.5, 0.7])
    assert "| small | a | 1 | 50.00 (one seed: no spread) |" in table([0.5])
    assert "nan" not in table([0.5])


def training(losses: np.ndarray) -> pd.DataFrame:
    """training.csv with the losses [iterations, seeds], and accuracies that are one minus them."""
    frame = pd.DataFrame(losses).stack().rename_axis(["iteration", "seed"]).rename("loss").reset_index()
    return frame.assign(epoch=0, accuracy=1 - frame["loss"])


def test_curves_are_running_means_of_each_seed_and_then_mean_and_deviation_over_seeds():
    losses = np.random.default_rng(0).random((40, 3))
    curve = smooth(training(losses), window=10)
    assert curve.index.tolist() == list(range(9, 40, 2))
    for iteration in curve.index:
        means = losses[iteration - 9 : iteration + 1].mean(axis=0)
        assert curve.loc[iteration, ("loss", "mean")] == pytest.approx(means.mean())
        assert curve.loc[iteration, ("loss", "std")] == pytest.approx(means.std(ddof=1))
        assert curve.loc[iteration, ("accuracy", "mean")] == pytest.approx(1 - means.mean())


def test_a_window_longer_than_the_training_is_the_whole_training():
    assert smooth(training(np.full((4, 1), 0.5)), window=100).index.tolist() == [3]


def test_a_curve_ends_where_a_seed_diverges_and_says_so():
    losses = np.full((40, 2), 0.5)
    losses[30:, 1] = np.nan
    curve = smooth(training(losses), window=4, diverged=[30])
    assert curve["loss", "mean"].last_valid_index() == curve["accuracy", "mean"].last_valid_index() == 29
    figure = plot({"a": curve}, {"a": {"label": "a (diverged)", "color": "blue"} | STYLES["custom"]}, 4)
    _, cross = figure.axes[0].lines
    assert cross.get_xdata() == [29]


def test_a_figure_overlays_its_variants_with_one_band_each():
    curve = smooth(training(np.random.default_rng(0).random((40, 3))), window=10)
    looks = {
        "a": {"label": "a", "color": "blue"} | STYLES["custom"],
        "b": {"label": "b", "color": "red"} | STYLES["torch"],
    }
    figure = plot({"a": curve, "b": curve}, looks, 10)
    for panel in figure.axes:
        custom, torch = panel.lines
        assert [custom.get_label(), torch.get_label()] == ["a", "b"]
        assert custom.get_linewidth() > 2 * torch.get_linewidth()
        assert torch.is_dashed()
        assert len(panel.collections) == 2
