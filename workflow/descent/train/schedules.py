"""Schedules of the learning rate."""

import math

SCHEDULES = ["constant", "linear", "cosine"]


def fraction(schedule: str, warmup: float, done: float) -> float:
    """The fraction of the learning rate that is used when ``done`` of the training is done, from 0 to 1.

    It rises linearly from 0 while ``done`` is less than ``warmup``; then it stays 1, or falls to 0 at the end, linearly
    or as half a cosine (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017).
    """
    if done < warmup:
        return done / warmup
    left = (1 - done) / (1 - warmup)
    return {"constant": 1.0, "linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2}[schedule]
