import math
from itertools import combinations

import numpy as np
import pytest
from descent.compare.statistics import compare_with_best, crossed_interval, describe, holm
from scipy.stats import t as student
from scipy.stats import ttest_1samp


def test_the_interval_is_students_and_that_of_an_accuracy_stays_between_0_and_1():
    its, half = describe("x", [1.0, 2.0, 3.0, 4.0, 5.0]), 2.776 * math.sqrt(2.5 / 5)  # t for 95 % in every table
    assert (its["x_mean"], its["x_std"]) == (3, pytest.approx(math.sqrt(2.5)))
    assert (its["x_low"], its["x_high"]) == pytest.approx((3 - half, 3 + half), rel=1e-3)
    for values, end, bound in (([0.9, 1.0, 0.6, 1.0], "x_high", 1), ([0.1, 0.0, 0.4, 0.0], "x_low", 0)):
        free = describe("x", values)
        assert abs(free[end] - 0.5) > 0.5
        assert describe("x", values, bounds=(0, 1)) == free | {end: bound}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_than_four_seeds_have_no_interval_and_neither_they_nor_one_optimizer_alone_rule_anybody_out(n):
    its, random = describe("x", [0.25, 0.5, 0.75][:n]), np.random.default_rng(0)
    assert its["x_mean"] == pytest.approx(0.125 * (n + 1))
    assert [math.isnan(its[f"x_{figure}"]) for figure in ("std", "low", "high")] == [n == 1, True, True]
    assert np.isnan(crossed_interval(random.random((n, 20)))).all()
    for shape in ((3, n, 10), (1, 5, 10)):
        behind, may_be_best = compare_with_best(random.random(shape))
        assert np.isnan(behind).all() and may_be_best.all()


TABLES = [  # four seeds, in rows, and images, in columns: by the wider interval, for new seeds or for new images too
    ([[1.0, 5.0, 3.0], [2.0, 7.0, 3.5], [0.5, 5.5, 2.5], [1.5, 6.0, 4.0]], "images"),  # the images differ most
    ([[1, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 1], [0, 0, 0, 1, 0, 1]], "seeds"),  # the seeds do
    ([[1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]], "seeds"),  # the images do not
    ([[0, 1, -1], [0, 1, -1], [-1, 0, 1], [1, 1, 0]], "images"),  # the mean squares nearly cancel
]  # fmt: skip


@pytest.mark.parametrize(("table", "wider"), TABLES)
def test_seeds_and_images_are_crossed_random_effects(table, wider):
    values = np.array(table, dtype=float)
    mean, seeds, images = values.mean(), values.mean(1), values.mean(0)
    df_seeds, df_images = len(seeds) - 1, len(images) - 1
    of_seeds = len(images) * sum((seeds - mean) ** 2) / df_seeds
    of_images = len(seeds) * sum((images - mean) ** 2) / df_images
    rest = sum((values[s, i] - seeds[s] - images[i] + mean) ** 2 for s, i in np.ndindex(values.shape))
    rest /= df_seeds * df_images
    total = of_seeds + of_images - rest
    df = total**2 / (of_seeds**2 / df_seeds + of_images**2 / df_images + rest**2 / (df_seeds * df_images))
    choices = {"seeds": (of_seeds, df_seeds)}
    if of_images > rest:  # the formula for degrees of freedom is for sums: it gives 0.6 where squares nearly cancel
        choices["images"] = total, max(df, min(df_seeds, df_images))
    errors = {name: (math.sqrt(square / values.size), df) for name, (square, df) in choices.items()}
    halves = {name: student.ppf(0.975, df) * error for name, (error, df) in errors.items()}
    assert halves[wider] == max(halves.values())
    p = 2 * student.sf(abs(mean) / errors[wider][0], errors[wider][1])
    assert crossed_interval(values) == pytest.approx((mean - halves[wider], mean + halves[wider], p))


IMAGES_ALIKE = np.repeat(np.random.default_rng(0).normal(0.3, 1, (6, 1)), 50, axis=1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [IMAGES_ALIKE, [[1.0], [0], [1], [1], [0]]], ids=["images alike", "one image"])
def test_where_only_seeds_vary_the_interval_is_students_over_seeds(values):
    values = np.array(values)
    over_seeds = describe("x", values[:, 0])
    expected = over_seeds["x_low"], over_seeds["x_high"], ttest_1samp(values[:, 0], 0).pvalue
    assert crossed_interval(values) == pytest.approx(expected)
    assert np.array(compare_with_best(np.stack([values] * 3))).tolist() == [[0, 0, 0], [1, 1, 1]], "they are equal"


def test_what_is_the_same_for_all_seeds_and_images_is_certain_a_tie_has_a_p_of_1_and_what_is_no_number_no_interval():
    assert crossed_interval(np.zeros((4, 10))) == (0, 0, 1)
    assert crossed_interval(np.ones((4, 10))) == (1, 1, pytest.approx(0))
    assert np.isnan(crossed_interval(np.full((4, 10), math.nan))).all()
    for shape in ((5, 40), (4, 3), (6, 1000)):
        values = np.zeros(shape)  # each of two variants is right about one image per seed that the other is not
        for seed, its in enumerate(values):
            its[[2 * seed % len(its), (2 * seed + 1) % len(its)]] += [1, -1]
        for by in (0, 0.3):
            low, high, p = crossed_interval(values + by)
            assert low <= by + 1e-9 and by - 1e-9 <= high < low + 3
            assert p == (1 if by == 0 else pytest.approx(0, abs=0.7))


def test_holms_correction():
    # 0.01 · 3, then 0.02 · 2, and 0.03 · 1, which may not be less than the one before
    assert holm([0.03, math.nan, 0.01, 0.02]) == pytest.approx([0.04, math.nan, 0.03, 0.04], nan_ok=True)
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert len(holm([])) == 0


def test_comparisons_with_the_best_are_hsus():
    # Images do not differ, so errors are those over seeds; t is for 5 % / (3 − 1) and four degrees of freedom.
    seeds = np.array([[0.1, -0.1, 0, 0, 0], [0, 0.1, -0.1, 0, 0], [0, 0, 0, 0.1, -0.1]])
    correct = (np.array([0.9, 0.88, 0.5])[:, None] + seeds)[:, :, None].repeat(4, axis=2)
    spreads = [(seeds[i] - seeds[j]).std(ddof=1) for i, j in combinations(range(3), 2)]
    first_second, first_third, second_third = student.ppf(0.975, 4) * np.array(spreads) / math.sqrt(5)
    behind, may_be_best = compare_with_best(correct)
    assert may_be_best.tolist() == [True, True, False]
    # The first is behind the second, which may be the best.
    expected = [first_second - 0.02, first_second + 0.02, max(0.4 + first_third, 0.38 + second_third)]
    assert behind == pytest.approx(expected)
    clear = compare_with_best(np.array([0.9, 0.5])[:, None, None] + np.zeros((2, 4, 10)))
    assert np.array(clear) == pytest.approx(np.array([[0, 0.4], [True, False]]))


def test_nobody_above_the_line_has_a_lower_mean_than_somebody_below():
    random = np.random.default_rng(0)
    for _ in range(50):
        spread = random.uniform(0, 0.3, (6, 1, 1))  # unequal, so that one with a low mean may be a candidate
        correct = random.normal(0, 0.03, (6, 1, 1)) + spread * random.normal(0, 1, (6, 5, 1)) + np.zeros(8)
        _, may_be_best = compare_with_best(correct)
        means = correct.mean((1, 2))
        assert may_be_best.all() or means[may_be_best].min() > means[~may_be_best].max()
