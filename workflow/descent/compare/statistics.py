"""Mean and spread of a figure over seeds, whether a difference is real, and who is best."""

import math
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

SIGNIFICANT = 0.05  # a p-value below it
LEAST_SEEDS = 4  # fewer give no interval: Student's t is 12.7 for two and 4.3 for three
ROUNDING = 1e-12  # relative to the largest value; means and errors below it are 0


def t_quantile(degrees: float | np.ndarray) -> float | np.ndarray:
    """The 97.5 % quantile of Student's t."""
    return stdtrit(degrees, 0.975)


def describe(name: str, values: ArrayLike, bounds: tuple[float, float] = (-math.inf, math.inf)) -> dict[str, float]:
    """Mean, standard deviation, and 95 % interval of the mean, as ``{name}_mean``, ``_std``, ``_low``, ``_high``.

    The standard deviation is that of a sample (n − 1); the interval is Student's, mean ± t std / √n, clipped to the
    ``bounds`` of the figure. One value has no deviation, and fewer than LEAST_SEEDS have no interval: NaN.
    """
    values = np.asarray(values, dtype=float)
    n, mean = len(values), values.mean()
    std = values.std(ddof=1) if n > 1 else math.nan
    half = t_quantile(n - 1) * std / math.sqrt(n) if n >= LEAST_SEEDS else math.nan
    low, high = np.clip([mean - half, mean + half], *bounds)
    return {f"{name}_mean": mean, f"{name}_std": std, f"{name}_low": low, f"{name}_high": high}


def crossed_errors(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors of the mean of ``values`` [seeds, images], each with its degrees of freedom.

    The first is that over seeds. The second is for new seeds and new images, which are crossed random effects,
    values[s, i] = mean + a_s + b_i + c_si: with S seeds and I images, the variance of the mean is estimated by
    (MS_seeds + MS_images − MS_rest) / (S I) from the mean squares of the analysis of variance (Cornfield and Tukey,
    "Average values of mean squares in factorials", 1956), its degrees of freedom by Satterthwaite's formula ("An
    approximate distribution of estimates of variance components", 1946), which is for sums: where MS_images and MS_rest
    cancel, it would give next to none, so the least of the three is the least. The second error is left out if it is
    the smaller one.
    """
    seeds, images = values.shape
    mean = values.mean()
    of_seeds, of_images = values.mean(1) - mean, values.mean(0) - mean
    rest = values - mean - of_seeds[:, None] - of_images
    freedom = np.maximum([seeds - 1, images - 1, (seeds - 1) * (images - 1)], 1)  # of one image, the squares are 0
    squares = np.array([images * (of_seeds**2).sum(), seeds * (of_images**2).sum(), (rest**2).sum()]) / freedom
    total = squares @ [1, 1, -1]
    variances, degrees = np.array([squares[0]]), np.array([seeds - 1.0])
    if total > squares[0]:
        variances = np.append(variances, total)
        degrees = np.append(degrees, max(total**2 / (squares**2 / freedom).sum(), freedom.min()))
    return np.sqrt(variances / values.size), degrees


def crossed_interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean of ``values`` [seeds, images] for new seeds and new images: its 95 % interval, and the p-value of 0.

    The interval is never narrower, and p never smaller, than Student's over seeds alone (``crossed_errors``). All are
    NaN for fewer than LEAST_SEEDS.
    """
    mean = values.mean()
    if len(values) < LEAST_SEEDS or math.isnan(mean):
        return math.nan, math.nan, math.nan
    errors, degrees = crossed_errors(values)
    half, tiny = (t_quantile(degrees) * errors).max(), ROUNDING * np.abs(values).max()
    p = (2 * stdtr(degrees, -abs(mean) / np.maximum(errors, tiny))).max() if abs(mean) > tiny else 1.0
    return mean - half, mean + half, p


def holm(p: ArrayLike) -> np.ndarray:
    """Holm's adjusted p-values ("A simple sequentially rejective multiple test procedure", 1979); NaN is ignored.

    If all with an adjusted p below SIGNIFICANT are called real, at most 5 % of such calls have any that is false.
    """
    p = np.asarray(p, dtype=float)
    adjusted = np.full(len(p), math.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return adjusted


def compare_with_best(correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each of k optimizers is behind the best at most, and whether it may be the best, each [k].

    ``correct`` is [k, seeds, images]. These are Hsu's comparisons with the best ("Constrained simultaneous confidence
    intervals for multiple comparisons with the best", 1984) with the errors of ``crossed_errors``: in at least 95 % of
    cases, all bounds hold together and a best one is among those that may be it. That each of those which may not be it
    is not, holds less often. All with a mean above the lowest of those that may be the best are counted among them.
    Fewer than LEAST_SEEDS, and one optimizer, give no bounds.
    """
    means = correct.mean((1, 2))
    k, seeds = correct.shape[:2]
    if k == 1 or seeds < LEAST_SEEDS:
        return np.full(k, math.nan), np.full(k, True)
    half = np.zeros((k, k))
    for i, j in combinations(range(k), 2):
        errors, degrees = crossed_errors(correct[i] - correct[j])
        half[i, j] = half[j, i] = (stdtrit(degrees, 1 - SIGNIFICANT / (k - 1)) * errors).max()
    behind = means[None, :] - means[:, None]  # of i behind j
    candidates = np.flatnonzero((behind <= half).all(1))
    bounds = [max(0, *(behind[i, j] + half[i, j] for j in candidates if j != i), 0) for i in range(k)]
    return np.array(bounds), means >= means[candidates].min()
