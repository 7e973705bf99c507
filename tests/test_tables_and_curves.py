import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from descent.statistics import crossed_interval, describe, holm, prediction_interval
from descent.steps.plot_curves import STYLES, plot, smooth
from descent.steps.summarize import (
    DIFFERENCES,
    Final,
    contrasts,
    describe_difference,
    describe_differences,
    describe_final,
    find_best,
    read,
    running_means,
    to_markdown,
)
from scipy.stats import ttest_1samp

IMAGES = 10


def evaluation(accuracies: list[float]) -> pd.DataFrame:
    """evaluation.csv of two epochs; ``accuracies`` are those of the last, a seed each."""
    return pd.DataFrame(
        [
            {"seed": seed, "epoch": epoch, "loss": 1.0 - epoch, "accuracy": accuracy * epoch}
            for seed, accuracy in enumerate(accuracies)
            for epoch in (0, 1)
        ]
    )


def final(accuracies, diverged=(), network="small", variant="a", checksum="") -> Final:
    """What the seeds reach that are right about the first of ten images, as many as make their accuracy."""
    run = SimpleNamespace(
        evaluation=evaluation(accuracies),
        correct=(np.arange(IMAGES) < np.round(np.array(accuracies) * IMAGES)[:, None]).astype(float),
        diverged=dict.fromkeys(diverged, 30),
        record={"sha256": {"training.csv": checksum or variant}},
    )
    return read(network, variant, run)


def test_the_interval_is_students():
    spread = describe("x", [1.0, 2.0, 3.0, 4.0, 5.0])
    assert spread["x_mean"] == 3
    assert spread["x_std"] == pytest.approx(math.sqrt(2.5))
    # t for 95 % and four degrees of freedom is 2.776 in every table.
    assert spread["x_high"] - 3 == pytest.approx(2.776 * math.sqrt(2.5 / 5), rel=1e-3)
    assert spread["x_low"] == pytest.approx(6 - spread["x_high"])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_than_four_seeds_have_no_interval(n):
    values = [0.25, 0.5, 0.75][:n]
    spread = describe("x", values)
    assert spread["x_mean"] == pytest.approx(np.mean(values))
    assert math.isnan(spread["x_low"]) and math.isnan(spread["x_high"])
    assert math.isnan(spread["x_std"]) == (n == 1)


def test_an_interval_of_an_accuracy_stays_between_0_and_1():
    spread = describe("x", [0.9, 1.0, 0.6, 1.0], bounds=(0, 1))
    assert spread["x_high"] == 1
    assert describe("x", [0.9, 1.0, 0.6, 1.0])["x_high"] > 1


def test_with_the_same_images_for_all_the_interval_over_seeds_and_images_is_that_over_seeds():
    values = np.repeat(np.random.default_rng(0).normal(0.3, 1, (6, 1)), 50, axis=1)
    low, high, p = crossed_interval(values)
    over_seeds = describe("x", values.mean(1))
    assert (low, high) == pytest.approx((over_seeds["x_low"], over_seeds["x_high"]))
    assert p == pytest.approx(ttest_1samp(values[:, 0], 0).pvalue)


def test_new_seeds_and_new_images_are_covered_in_95_of_100_cases():
    random = np.random.default_rng(0)
    covered = {"crossed": 0, "seeds": 0}
    for _ in range(2000):
        seeds, images = random.normal(0, 1, (5, 1)), random.normal(0, 8, 100)
        values = 0.5 + seeds + images + random.normal(0, 8, (5, 100))
        low, high, _ = crossed_interval(values)
        covered["crossed"] += low < 0.5 < high
        over_seeds = describe("x", values.mean(1))
        covered["seeds"] += over_seeds["x_low"] < 0.5 < over_seeds["x_high"]
    assert 0.94 < covered["crossed"] / 2000 < 0.985  # Satterthwaite's formula errs on the side of caution
    assert covered["seeds"] / 2000 < 0.92  # which leaves out that other images would give another mean


def test_holms_correction():
    # 0.01 · 3, then 0.02 · 2, and 0.03 · 1, which may not be less than the one before
    assert holm([0.03, math.nan, 0.01, 0.02]) == pytest.approx([0.04, math.nan, 0.03, 0.04], nan_ok=True)
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert len(holm([])) == 0


def test_holms_correction_keeps_the_error_over_all_contrasts():
    p = np.random.default_rng(0).random((4000, 6))
    assert np.mean([(holm(row) < 0.05).any() for row in p]) == pytest.approx(0.05, abs=0.012)


def test_the_prediction_interval_holds_one_more_value_in_95_of_100_cases():
    random = np.random.default_rng(0)
    inside = 0
    for values in random.normal(3, 2, (4000, 6)):
        low, high = prediction_interval(values[:5])
        inside += low <= values[5] <= high
    assert inside / 4000 == pytest.approx(0.95, abs=0.012)  # 3.5 standard deviations of this count


def test_the_summary_is_that_of_the_last_epoch():
    row = describe_final(final([0.5, 0.7]), {})
    assert (row["network"], row["variant"], row["seeds"], row["diverged_seeds"]) == ("small", "a", 2, 0)
    assert row["test_accuracy_mean"] == pytest.approx(0.6)
    assert row["test_accuracy_std"] == pytest.approx(math.sqrt(0.02))
    assert row["test_loss_mean"] == 0
    assert row["test_accuracy_by_seed"] == "0.5000 0.7000"


def test_differences_are_taken_seed_by_seed():
    row = describe_difference(final([0.9, 0.5, 0.6, 0.7]), final([0.8, 0.4, 0.5, 0.6], variant="b"))
    assert row["test_accuracy_difference_mean"] == pytest.approx(0.1)
    assert row["test_accuracy_difference_std"] == pytest.approx(0, abs=1e-12)
    row = describe_difference(final([0.9] * 4), final([0.8] * 4, variant="b"))
    # The seeds agree, but one image in ten makes all of the difference.
    assert row["test_accuracy_difference_low"] == pytest.approx(0.1)
    assert row["test_accuracy_difference_low_new_images"] < 0.1


def test_what_is_the_same_to_the_bit_counts_once():
    finals = [
        final([0.5] * 4, network=network, variant=variant, checksum=checksum)
        for network in ("small", "large")
        for variant, checksum in {"custom_a": "a", "torch_a": "a", "custom_b": "b", "torch_b": "c"}.items()
    ]
    found = {(one.network, one.variant, other.network, other.variant) for one, other in contrasts(finals)}
    within = {("custom_b", "custom_a"), ("torch_b", "custom_a"), ("torch_b", "custom_b")}
    expected = {(network, one, network, other) for network in ("small", "large") for one, other in within}
    expected |= {("large", variant, "small", variant) for variant in ("custom_a", "custom_b", "torch_b")}
    assert found == expected


def test_a_difference_is_real_after_the_correction_alone():
    random = np.random.default_rng(0)
    scatter = random.normal(0, 0.02, (8, 5))
    finals = [final(list(0.5 + 0.03 * (i == 0) + scatter[i]), variant=f"v{i}") for i in range(8)]
    table = describe_differences(contrasts(finals))
    assert list(table) == DIFFERENCES
    assert (table["real"] == (table["p_holm"] < 0.05)).all()
    assert (table["p_holm"] >= table["p"]).all()
    few = describe_differences([(final([0.5, 0.6]), final([0.1, 0.2], variant="b"))])
    assert few["real"].isna().all() and few["p"].isna().all()


def test_the_best_variant_is_set_beside_the_next_that_is_not_the_same():
    seeds = np.array([0, 0.1, 0, 0.1])
    finals = [
        final(list(accuracy + seeds), variant=variant, checksum=checksum)
        for variant, accuracy, checksum in (("low", 0.2, "l"), ("a", 0.8, "a"), ("a_twin", 0.8, "a"), ("mid", 0.5, "m"))
    ]
    summary = pd.DataFrame([describe_final(one, {}) for one in finals])
    (row,) = find_best(summary, describe_differences(contrasts(finals))).to_dict("records")
    assert (row["best"], row["next"]) == ("a", "mid")
    assert row["difference"] == pytest.approx(0.3)
    assert row["low"] < row["difference"] < row["high"]
    alone = find_best(summary[1:3], describe_differences(contrasts(finals[1:3])))
    assert alone["best"].tolist() == ["a"] and alone["next"].isna().all()


def test_running_means_are_those_since_the_first_minibatch():
    training = pd.DataFrame(
        [(seed, i, i // 3, seed + i, i / 10) for seed in (4, 2) for i in range(6)],
        columns=["seed", "iteration", "epoch", "loss", "accuracy"],
    )
    run = SimpleNamespace(training=training, evaluation=evaluation([0.5, 0.7]).replace({"seed": {0: 4, 1: 2}}))
    table = running_means("small", "a", run)
    assert table[["seed", "epoch"]].to_numpy().tolist() == [[4, 0], [4, 1], [2, 0], [2, 1]]
    assert table["train_loss"].tolist() == [5, 6.5, 3, 4.5]
    assert table["train_accuracy"].tolist() == pytest.approx([0.1, 0.25, 0.1, 0.25])
    assert table["test_accuracy"].tolist() == [0, 0.5, 0, 0.7]


def test_a_run_that_diverged_has_no_mean():
    row = describe_final(final([0.5, 0.7], diverged=[1]), {1: 30})
    assert (row["diverged_seeds"], row["diverged_iteration"]) == (1, 30)
    assert math.isnan(row["test_accuracy_mean"])
    text = to_markdown(pd.DataFrame([row]), pd.DataFrame(columns=DIFFERENCES))
    assert "| small | a | 2 | diverged: 1 of 2 seeds, from iteration 30 | diverged |" in text


def test_the_markdown_table_gives_per_cent_and_says_when_there_is_no_spread():
    def table(accuracies):
        one, other = final(accuracies), final([0] * len(accuracies), variant="b")
        return to_markdown(pd.DataFrame([describe_final(one, {})]), describe_differences([(one, other)]))

    assert "| small | a | 4 | 60.00 ± 11.55 [" in table([0.5, 0.7, 0.5, 0.7])
    assert "| small: a − b | 4 | 60.00 ± 11.55 [" in table([0.5, 0.7, 0.5, 0.7])
    assert "| small | a | 2 | 60.00 ± 14.14 |" in table([0.5, 0.7])
    assert "| small | a | 1 | 50.00 (one seed: no spread) |" in table([0.5])
    assert "nan" not in table([0.5])


def training(losses: np.ndarray) -> pd.DataFrame:
    """training.csv with the losses [iterations, seeds], and accuracies that are one minus them."""
    frame = pd.DataFrame(losses).stack().rename_axis(["iteration", "seed"]).rename("loss").reset_index()
    return frame.assign(epoch=0, accuracy=1 - frame["loss"])


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


def test_a_variants_own_figure_shows_every_minibatch_below_its_curve():
    losses = np.random.default_rng(0).random((40, 3))
    measured = training(losses)
    figure = plot({"a": smooth(measured, window=10)}, {"a": {"label": "a", "color": "blue"}}, 10, measured)
    *seeds, curve = figure.axes[0].lines
    np.testing.assert_array_equal(np.array([seed.get_ydata() for seed in seeds]).T, losses)
    assert curve.get_label() == "a"
    assert figure.axes[0].get_yscale() == "log" and "log scale" in figure.axes[0].get_ylabel()
