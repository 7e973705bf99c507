import math

import numpy as np
import pandas as pd
import pytest
from descent.statistics import describe
from descent.steps.plot_curves import STYLES, plot, smooth
from descent.steps.summarize import summarize, to_markdown


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


def test_the_summary_is_that_of_the_last_epoch():
    table = summarize([("small", "a", evaluation([0.5, 0.7])), ("small", "b", evaluation([0.9, 0.9]))])
    assert table[["network", "variant", "seeds"]].values.tolist() == [["small", "a", 2], ["small", "b", 2]]
    assert table["test_accuracy_mean"].tolist() == pytest.approx([0.6, 0.9])
    assert table["test_accuracy_std"].tolist() == pytest.approx([math.sqrt(0.02), 0])
    assert table["test_loss_mean"].tolist() == [0, 0]


def test_the_markdown_table_gives_per_cent_and_says_when_there_is_no_spread():
    many, one = (to_markdown(summarize([("small", "a", evaluation(a))])) for a in ([0.5, 0.7], [0.5]))
    assert "| small | a | 2 | 60.00 ± 14.14 [" in many
    assert "| small | a | 1 | 50.00 (one seed: no spread) |" in one
    assert "nan" not in one


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


def test_a_figure_overlays_its_variants_with_one_band_each():
    curve = smooth(training(np.random.default_rng(0).random((40, 3))), window=10)
    looks = {"a": {"color": "blue"} | STYLES["custom"], "b": {"color": "red"} | STYLES["torch"]}
    figure = plot({"a": curve, "b": curve}, looks, 10)
    for panel in figure.axes:
        custom, torch = panel.lines
        assert [custom.get_label(), torch.get_label()] == ["a", "b"]
        assert custom.get_linewidth() > 2 * torch.get_linewidth()
        assert torch.is_dashed()
        assert len(panel.collections) == 2
