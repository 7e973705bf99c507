"""Rank optimizers: the value of a budget of trials, and groups of ties."""

import math
from collections.abc import Mapping


def expected_best(accuracies: list[float]) -> list[tuple[float, float, float]]:
    """The expected accuracy of the best of k trials, with its 10 % and 90 % quantiles, for k = 1 to n.

    The k are drawn from the n trials without replacement: the i-th smallest value v_i is the largest of the k with
    probability C(i − 1, k − 1) / C(n, k), and P(best ≤ v_i) = C(i, k) / C(n, k). Dodge et al., "Show your work" (2019),
    draw with replacement.
    """
    ordered, n = sorted(accuracies), len(accuracies)
    result = []
    for k in range(1, n + 1):
        below = [math.comb(i, k) / math.comb(n, k) for i in range(1, n + 1)]
        mean = sum(v * (p - before) for v, p, before in zip(ordered, below, [0, *below]))
        low, high = (next(v for v, p in zip(ordered, below) if p >= q) for q in (0.1, 0.9))
        result.append((mean, low, high))
    return result


def groups(means: list[float], different: Mapping[tuple[int, int], bool]) -> list[int]:
    """The tie group of each optimizer: 1 for the best and all that are not significantly ``different`` from it.

    Group 2 is the best of the rest and all of the rest that are not different from it, and so on. ``different`` has
    every pair (i, j) of indices, i < j.
    """
    result = [0] * len(means)
    rest = sorted(range(len(means)), key=lambda i: -means[i])
    number = 0
    while rest:
        number += 1
        leader = rest[0]
        tied = [i for i in rest if i == leader or not different[min(i, leader), max(i, leader)]]
        for i in tied:
            result[i] = number
        rest = [i for i in rest if i not in tied]
    return result
