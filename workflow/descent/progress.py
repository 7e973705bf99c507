"""How soon a training reaches a target, and whether it overfits."""

import math
from collections.abc import Mapping

import numpy as np

from descent.runs import Run
from descent.statistics import describe


def first_epochs(accuracies: Mapping[int, list[float]], target: float) -> list[float]:
    """For each seed, the number of epochs until its accuracy reaches ``target``; infinity if it never does."""
    return [
        next((epoch for epoch, accuracy in enumerate(its, 1) if accuracy >= target), math.inf)
        for its in accuracies.values()
    ]


def seconds_by_epoch(run: Run) -> np.ndarray:
    """Seconds until the end of each epoch, [epochs]: a seed's share of its job's time, evaluations included."""
    return np.cumsum(run.record["epoch_seconds"]) / run.record["seeds"]


def describe_targets(run: Run, targets: list[float]) -> list[dict]:
    """Epochs and seconds until the median run reaches each target, NaN if it never does, and how many runs reach it."""
    accuracies = {seed: rows["accuracy"].tolist() for seed, rows in run.evaluation.groupby("seed")}
    seconds = [0, *seconds_by_epoch(run)]
    rows = []
    for target in targets:
        epochs = first_epochs(accuracies, target)
        elapsed = [seconds[int(epoch)] if math.isfinite(epoch) else math.inf for epoch in epochs]
        medians = {"epochs": np.median(epochs), "seconds": np.median(elapsed)}
        reached = {"reached": sum(map(math.isfinite, epochs)), "runs": len(epochs)}
        rows.append({"target": target} | {k: v if math.isfinite(v) else math.nan for k, v in medians.items()} | reached)
    return rows


def describe_turning(run: Run) -> dict:
    """After how many epochs the mean test loss is lowest, that loss, and by how much the last one is higher.

    ``overfits`` says whether the 95 % interval of this rise, seed by seed, is above 0 although the mean training loss
    of an epoch has fallen meanwhile; None for fewer than four seeds. All are None if a seed diverged.
    """
    test = run.evaluation.pivot(index="epoch", columns="seed", values="loss")
    training = run.training.groupby("epoch")["loss"].mean()
    if run.diverged:
        return {"lowest_epochs": None, "lowest_test_loss": None, "rise": None, "overfits": None}
    lowest = test.mean(axis=1).idxmin()
    rise = describe("rise", test.iloc[-1] - test.loc[lowest])
    falls = training.iloc[-1] < training.loc[lowest]
    return {
        "lowest_epochs": int(lowest) + 1,
        "lowest_test_loss": float(test.loc[lowest].mean()),
        "rise": float(rise["rise_mean"]),
        "overfits": None if math.isnan(rise["rise_low"]) else bool(rise["rise_low"] > 0 and falls),
    }
