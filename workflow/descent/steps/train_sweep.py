"""Train some points of a sweep's grid, all seeds of all of them at once, and write what they reach on the test set."""

import argparse
import json
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from descent.files import write_csv
from descent.network import Parameters
from descent.optimizers import OPTIMIZERS, make_step
from descent.steps import leave
from descent.steps.train import add_training_arguments, digits, prepare, train_as_told
from descent.training import Metrics


def stack_hyperparameter(values: list, seeds: int) -> Any:
    """One hyperparameter of all runs, point by point and seed by seed: itself where all points have the same value.

    Else a tensor [points * seeds], float64; for ``betas`` a pair of them.
    """
    if all(value == values[0] for value in values):
        return values[0]
    if isinstance(values[0], list):
        return tuple(stack_hyperparameter(list(entries), seeds) for entries in zip(*values))
    return torch.tensor(values, dtype=torch.float64).repeat_interleave(seeds)


def repeat(parameters: Parameters, points: int) -> Parameters:
    """The stack of all seeds once for each point: [points * seeds, ...]."""
    return {name: parameter.repeat(points, *[1] * (parameter.dim() - 1)) for name, parameter in parameters.items()}


def first_not_finite(loss: torch.Tensor) -> list[int | None]:
    """For each run the first iteration whose loss, [iterations, runs], is not finite; None if it never is."""
    lost = ~loss.isfinite()
    return [i if any_lost else None for i, any_lost in zip(lost.int().argmax(0).tolist(), lost.any(0).tolist())]


def rows(points: list[dict], seeds: list[int], training: Metrics, evaluation: Metrics):
    """Rows of hyperparameters, seed, epoch, loss, accuracy, diverged; run by run."""
    diverged = first_not_finite(training.loss)
    for run, (point, seed) in enumerate(product(points, seeds)):
        values = [json.dumps(value) if isinstance(value, list) else value for value in point.values()]
        columns = (map(digits(metric), metric[:, run].tolist()) for metric in evaluation)
        for epoch, (loss, accuracy) in enumerate(zip(*columns)):
            yield *values, seed, epoch, loss, accuracy, diverged[run]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_training_arguments(parser)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, required=True)
    parser.add_argument("--points", type=json.loads, required=True, metavar="JSON", help="a list of hyperparameters")
    parser.add_argument("--evaluation", type=Path, required=True, help="CSV to write: a row a point, seed and epoch")
    arguments = parser.parse_args()

    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    prepare(device, arguments.threads)

    points = arguments.points
    initial = load_file(arguments.initial)
    seeds = initial.pop("seeds").tolist()
    parameters = {name: parameter.to(device, dtype) for name, parameter in repeat(initial, len(points)).items()}
    hyperparameters = {name: stack_hyperparameter([point[name] for point in points], len(seeds)) for name in points[0]}
    step = make_step("custom", arguments.optimizer, parameters.values(), **hyperparameters)
    training, evaluation = train_as_told(arguments, parameters, step, seeds * len(points))
    header = [*points[0], "seed", "epoch", "loss", "accuracy", "diverged"]
    write_csv(arguments.evaluation, header, rows(points, seeds, training, evaluation))


if __name__ == "__main__":
    main()
    leave()
