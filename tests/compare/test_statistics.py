import math
from itertools import combinations

import numpy as np
import pytest
from descent.compare.statistics import compare_with_best, crossed_interval, describe, holm
from scipy.stats import t as student
from scipy.stats import ttest_1samp


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
    assert np.isnan(crossed_interval(np.random.default_rng(0).random((n, 20)))).all()


def test_an_interval_of_an_accuracy_stays_between_0_and_1():
    for values, end, bound in (([0.9, 1.0, 0.6, 1.0], "x_high", 1), ([0.1, 0.0, 0.4, 0.0], "x_low", 0)):
        free, bounded = describe("x", values), describe("x", values, bounds=(0, 1))
        assert abs(free[end] - 0.5) > 0.5
        assert bounded == free | {end: bound}


# Values of four seeds, in rows, and some images, in columns; and which interval is the wider one, that for new seeds
# alone or that for new images too. The second has the larger variance, but also more degrees of freedom.
TABLES = {
    "images differ most": ([[1.0, 5.0, 3.0], [2.0, 7.0, 3.5], [0.5, 5.5, 2.5], [1.5, 6.0, 4.0]], "with images"),
    "seeds differ most": ([[1, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 1], [0, 0, 0, 1, 0, 1]], "seeds"),
    "images do not differ": ([[1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]], "seeds"),
}


@pytest.mark.parametrize(("table", "wider"), TABLES.values(), ids=TABLES)
def test_seeds_and_images_are_crossed_random_effects(table, wider):
    values = np.array(table, dtype=float)
    S, n = values.shape
    mean, seeds, images = values.mean(), values.mean(1), values.mean(0)
    ms_seeds = n * sum((seeds - mean) ** 2) / (S - 1)
    ms_images = S * sum((images - mean) ** 2) / (n - 1)
    ms_rest = sum((values[s, i] - seeds[s] - images[i] + mean) ** 2 for s in range(S) for i in range(n))
    ms_rest /= (S - 1) * (n - 1)
    total = ms_seeds + ms_images - ms_rest
    degrees = total**2 / (ms_seeds**2 / (S - 1) + ms_images**2 / (n - 1) + ms_rest**2 / ((S - 1) * (n - 1)))
    choices = {"seeds": (ms_seeds, S - 1)} | ({"with images": (total, degrees)} if ms_images > ms_rest else {})
    halves = {name: student.ppf(0.975, df) * math.sqrt(square / (S * n)) for name, (square, df) in choices.items()}
    assert halves[wider] == max(halves.values())
    variance, df = choices[wider]
    low, high, p = crossed_interval(values)
    assert (low, high) == pytest.approx((mean - halves[wider], mean + halves[wider]))
    assert p == pytest.approx(2 * student.sf(mean / math.sqrt(variance / (S * n)), df))


def test_with_the_same_images_for_all_the_interval_over_seeds_and_images_is_that_over_seeds():
    values = np.repeat(np.random.default_rng(0).normal(0.3, 1, (6, 1)), 50, axis=1)
    low, high, p = crossed_interval(values)
    over_seeds = describe("x", values.mean(1))
    assert (low, high) == pytest.approx((over_seeds["x_low"], over_seeds["x_high"]))
    assert p == pytest.approx(ttest_1samp(values[:, 0], 0).pvalue)


def test_what_is_the_same_for_all_seeds_and_images_is_certain():
    assert crossed_interval(np.zeros((4, 10))) == (0, 0, 1)
    assert crossed_interval(np.ones((4, 10))) == (1, 1, pytest.approx(0))


def exchanged(seeds: int, images: int) -> np.ndarray:
    """Differences of two variants with equal accuracies, each right about an image that the other is not."""
    values = np.zeros((seeds, images))
    for seed in range(seeds):
        values[seed, [2 * seed % images, (2 * seed + 1) % images]] = [1, -1]
    return values


@pytest.mark.parametrize("values", [exchanged(5, 40), exchanged(4, 3), exchanged(6, 1000)])
@pytest.mark.parametrize("by", [0, 0.3], ids=["tie", "shifted"])
def test_equal_accuracies_with_a_few_images_exchanged_have_a_finite_interval_and_a_tie_has_a_p_of_1(values, by):
    low, high, p = crossed_interval(values + by)
    assert low <= by + 1e-9 and by - 1e-9 <= high
    assert high - low < 3
    assert p == (1 if by == 0 else pytest.approx(0, abs=0.7))


def test_of_one_image_only_the_seeds_vary():
    values = np.array([[1.0], [0], [1], [1], [0]])
    low, high, p = crossed_interval(values)
    over_seeds = describe("x", values[:, 0])
    assert (low, high) == pytest.approx((over_seeds["x_low"], over_seeds["x_high"]))
    assert p == pytest.approx(ttest_1samp(values[:, 0], 0).pvalue)
    behind, may_be_best = compare_with_best(np.stack([values, values, values]))
    assert (behind.tolist(), may_be_best.all()) == ([0, 0, 0], True)


def test_one_collapsed_seed_of_one_optimizer_does_not_hide_that_others_differ():
    random = np.random.default_rng(0)
    correct = (random.random((3, 10, 4000)) < np.array([0.98, 0.96, 0.97])[:, None, None]).astype(float)
    alone = compare_with_best(correct[:2])
    assert alone[1].tolist() == [True, False]
    correct[2, 3] = random.random(4000) < 0.5
    assert compare_with_best(correct)[1].all(), "which is why an optimizer that lost a seed is not ranked"


def test_what_is_not_a_number_has_no_interval():
    assert np.isnan(crossed_interval(np.full((4, 10), math.nan))).all()


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


def test_comparisons_with_the_best_are_hsus():
    # Images do not differ, so errors are those over seeds; t is for 5 % / (3 − 1) and four degrees of freedom.
    seeds = np.array([[0.1, -0.1, 0, 0, 0], [0, 0.1, -0.1, 0, 0], [0, 0, 0, 0.1, -0.1]])
    correct = (np.array([0.9, 0.88, 0.5])[:, None] + seeds)[:, :, None].repeat(4, axis=2)
    half = {
        (i, j): student.ppf(0.975, 4) * (seeds[i] - seeds[j]).std(ddof=1) / math.sqrt(5)
        for i, j in combinations(range(3), 2)
    }
    behind, may_be_best = compare_with_best(correct)
    assert may_be_best.tolist() == [True, True, False]
    assert behind[0] == pytest.approx(half[0, 1] - 0.02), "behind the second, which may be the best"
    assert behind[1] == pytest.approx(half[0, 1] + 0.02)
    assert behind[2] == pytest.approx(max(0.4 + half[0, 2], 0.38 + half[1, 2]))


def test_a_clear_winner_is_behind_nobody_and_equal_ones_may_all_be_the_best():
    behind, may_be_best = compare_with_best(np.array([0.9, 0.5])[:, None, None] + np.zeros((2, 4, 10)))
    assert (behind.tolist(), may_be_best.tolist()) == ([0, pytest.approx(0.4)], [True, False])
    behind, may_be_best = compare_with_best(np.full((3, 4, 10), 0.5))
    assert (behind.tolist(), may_be_best.tolist()) == ([0, 0, 0], [True, True, True])


@pytest.mark.parametrize("shape", [(1, 5, 10), (3, 3, 10)], ids=["one optimizer", "few seeds"])
def test_too_little_for_a_comparison_rules_nobody_out(shape):
    behind, may_be_best = compare_with_best(np.random.default_rng(0).random(shape))
    assert np.isnan(behind).all() and may_be_best.all()


def test_nobody_above_the_line_has_a_lower_mean_than_somebody_below():
    random = np.random.default_rng(0)
    for _ in range(50):
        spread = random.uniform(0, 0.3, (6, 1, 1))  # unequal, so that one with a low mean may be a candidate
        correct = random.normal(0, 0.03, (6, 1, 1)) + spread * random.normal(0, 1, (6, 5, 1)) + np.zeros(8)
        _, may_be_best = compare_with_best(correct)
        means = correct.mean((1, 2))
        assert may_be_best.all() or means[may_be_best].min() > means[~may_be_best].max()
