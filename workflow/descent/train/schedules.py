"""Schedules of the learning rate."""

import math
from collections.abc import Callable
from typing import Any

from descent.train.optimizer import OptimizerError


def fraction(schedule: str, warmup: float, done: float) -> float:
    """The fraction of the learning rate that is used when ``done`` of the training is done, from 0 to 1.

    It rises linearly from 0 while ``done`` is less than ``warmup``; then it stays 1, or falls to 0 at the end, linearly
    or as half a cosine (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017).
    """
    if done < warmup:
        return done / warmup
    left = (1 - done) / (1 - warmup)
    return {"constant": 1.0, "linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2}[schedule]


def lr_setter(optimizer: Any, schedule: str, warmup: float, epochs: int) -> Callable[[float], None] | None:
    """A function that sets an optimizer's learning rate after so many of a training's ``epochs``.

    None if it is constant: then it is the optimizer's own, which may change it. With a schedule, OptimizerError says so
    if the optimizer changed it, or has none.
    """
    if (schedule, warmup) == ("constant", 0):
        return None
    groups = optimizer.param_groups
    if any("lr" not in group for group in groups):
        raise OptimizerError("it has no lr that a schedule could change: leave schedule and warmup out")
    rates = [group["lr"] for group in groups]
    written = rates.copy()

    def set_lr(epochs_done: float) -> None:
        if [group["lr"] for group in groups] != written:
            raise OptimizerError("it changes its own lr, so it cannot follow a schedule: leave schedule and warmup out")
        written[:] = [rate * fraction(schedule, warmup, epochs_done / epochs) for rate in rates]
        for group, lr in zip(groups, written):
            group["lr"] = lr

    return set_lr
