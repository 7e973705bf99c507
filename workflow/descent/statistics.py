"""Mean and spread of a figure over seeds."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


def describe(name: str, values: Sequence[float]) -> dict[str, float]:
    """Mean, standard deviation, and 95 % interval of the mean, as ``{name}_mean``, ``_std``, ``_low``, ``_high``.

    The standard deviation is that of a sample (n − 1); the interval is Student's, mean ± t std / √n.
    One value has neither: they are NaN.
    """
    values = np.asarray(values, dtype=float)
    n, mean = len(values), values.mean()
    std = values.std(ddof=1) if n > 1 else math.nan
    half = stats.t.ppf(0.975, n - 1) * std / math.sqrt(n) if n > 1 else math.nan
    return {f"{name}_mean": mean, f"{name}_std": std, f"{name}_low": mean - half, f"{name}_high": mean + half}
