"""Mean and spread of a figure over seeds."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit


def t_quantile(n: int) -> float:
    """Student's t for n − 1 degrees of freedom, with 2.5 % of the distribution above it; NaN for n = 1."""
    return stdtrit(n - 1, 0.975) if n > 1 else math.nan


def describe(name: str, values: Sequence[float]) -> dict[str, float]:
    """Mean, standard deviation, and 95 % interval of the mean, as ``{name}_mean``, ``_std``, ``_low``, ``_high``.

    The standard deviation is that of a sample (n − 1); the interval is Student's, mean ± t std / √n.
    One value has neither: they are NaN.
    """
    values = np.asarray(values, dtype=float)
    n, mean = len(values), values.mean()
    std = values.std(ddof=1) if n > 1 else math.nan
    half = t_quantile(n) * std / math.sqrt(n)
    return {f"{name}_mean": mean, f"{name}_std": std, f"{name}_low": mean - half, f"{name}_high": mean + half}


def prediction_interval(values: Sequence[float]) -> tuple[float, float]:
    """The interval that holds one more value with a probability of 95 %: mean ± t std √(1 + 1/n).

    This is exact for independent values from one normal distribution. NaN for one value.
    """
    values = np.asarray(values, dtype=float)
    n, mean = len(values), values.mean()
    half = t_quantile(n) * values.std(ddof=1) * math.sqrt(1 + 1 / n) if n > 1 else math.nan
    return mean - half, mean + half
