"""Judge twins, variants that differ only in their implementation: is one the other, but for rounding?"""

import math
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor

from descent.data import mnist
from descent.data.mnist import Split
from descent.files import write_table
from descent.run import Run
from descent.step import command_line
from descent.train.device import prepare
from descent.train.loop import minibatches, train
from descent.train.network import Parameters
from descent.train.optimizer import make_optimizer
from descent.train.schedules import fraction

LIMIT = 1000  # times as far apart as rounding takes them: see docs/verdicts.md
RESOLUTION, VISIBLE = 1e-15, 1e-3  # nats: of a loss near 1 in float64, and of a curve that people look at

NAMES = ["network", "custom", "torch"]
FIGURES = {
    "compared_iterations": "of the first epoch in float64, before rounding alone moves a loss by 1e-3 nats",
    "times_rounding": "the largest distance of the losses in these, in multiples of what rounding does",
    "first_different_iteration": f"the first at more than {LIMIT:,} times; empty if there is none",
    "max_loss_difference": "nats, over all seeds and minibatches of the trainings themselves",
    "first_visible_iteration": "of these, the first at which a seed's losses differ by more than 1e-3 nats",
    "max_accuracy_difference": "of the final test accuracies, a fraction, over all seeds",
    "instructions": "the vector instructions of both processors, if they are not the same",
}


def first_epoch(
    make: Callable[[Iterable[Tensor]], Any], parameters: Parameters, split: Split, record: dict[str, Any]
) -> np.ndarray:
    """The losses [iterations, 2] of the first epoch of a training, in float64, and of one from a moved start.

    ``make`` makes an optimizer; ``parameters`` are one network's; ``record`` is the run.json of the training. The
    weights of the moved start are each the next larger float64.
    """
    pairs = {name: its.double() for name, its in parameters.items()}
    pairs = {name: torch.stack([its, its.nextafter(its + 1)]).requires_grad_() for name, its in pairs.items()}
    settings = {name: record[name] for name in ("batch_size", "shuffle", "drop_last")}
    epochs = minibatches(split, seeds=[0, 0], epochs=1, **settings)
    schedule = partial(fraction, record["schedule"], record["warmup"])
    (metrics,) = train(
        pairs, make(pairs.values()), split, epochs, lambda done: schedule(done / record["epochs"]), record["activation"]
    )
    return metrics.loss.numpy()


def repeat(record: dict[str, Any], parameters: Parameters, split: Split) -> np.ndarray:
    """The ``first_epoch`` of a training of run.json."""
    make = partial(make_optimizer, record["implementation"], record["optimizer"], **record["hyperparameters"])
    return first_epoch(make, parameters, split, record)


def judge(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """Compare twins by their ``first_epoch``: the verdict, ``different`` or ``rounding``, and what it rests on.

    Training amplifies rounding, and says itself by how much: the distance of the twins is divided by the largest so far
    that moving the start has made.
    """
    rounding = np.maximum.accumulate(distance(theirs[:, 1], theirs[:, 0])) + RESOLUTION
    compared = int((rounding < VISIBLE).sum())
    times = distance(ours[:compared, 0], theirs[:compared, 0]) / rounding[:compared]
    first = first_above(times, LIMIT)
    return {
        "verdict": "rounding" if math.isnan(first) else "different",
        "compared_iterations": compared,
        "times_rounding": times.max(initial=0),
        "first_different_iteration": first,
    }


def distance(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """|one − two| element by element; 0 where neither is finite, infinite where just one is."""
    finite = np.isfinite(one) & np.isfinite(two)
    with np.errstate(invalid="ignore"):
        return np.where(finite, np.abs(one - two), np.where(np.isfinite(one) == np.isfinite(two), 0, math.inf))


def first_above(distances: np.ndarray, threshold: float) -> float:
    """The first index at which ``distances`` exceed ``threshold``; NaN if they never do."""
    above = distances > threshold
    return int(above.argmax()) if above.any() else math.nan


def compare(ours: Run, theirs: Run) -> dict[str, Any]:
    """How far apart the trainings themselves are, and where they ran."""
    one, two = (
        run.training.pivot(index="iteration", columns="seed", values="loss").to_numpy() for run in (ours, theirs)
    )
    last = [run.evaluation.groupby("seed")["accuracy"].last() for run in (ours, theirs)]
    apart = distance(one, two).max(1)
    instructions = dict.fromkeys(run.record["instructions"] for run in (ours, theirs))
    return {
        "max_loss_difference": apart.max(),
        "first_visible_iteration": first_above(apart, VISIBLE),
        "max_accuracy_difference": (last[0] - last[1]).abs().max(),
        "instructions": " and ".join(instructions) if len(instructions) > 1 else "",
    }


def identical(ours: Run, theirs: Run) -> bool:
    """Whether two trainings have the same bits, in every minibatch and in the final parameters."""
    files = ("training.csv", "parameters.safetensors")
    return all(ours.record["sha256"][file] == theirs.record["sha256"][file] for file in files)


def main() -> None:
    meanings = "; ".join(f"{name}: {meaning}" for name, meaning in FIGURES.items())
    parser = command_line(
        __doc__,
        f"Writes twins.csv, with one row per network and pair. Columns: {meanings}. The first three are empty if the "
        "trainings have the same bits.",
    )
    parser.add_argument("--mnist", type=Path, required=True, help="the file that download_mnist wrote")
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--custom", nargs="*", default=[], help="variants from scratch")
    parser.add_argument("--torch", nargs="*", default=[], help="their twins, in the same order")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    arguments = parser.parse_args()
    prepare(torch.device("cpu"), arguments.threads)

    rows = []
    load = cache(partial(mnist.load, arguments.mnist, "train", dtype=torch.float64))
    for network in arguments.networks:
        folder = arguments.results / network
        initial = {
            name: its[0]
            for name, its in load_file(folder / ".intermediate/initial.safetensors").items()
            if name != "seeds"
        }
        for names in zip(arguments.custom, arguments.torch):
            ours, theirs = (Run(folder / name) for name in names)
            row: dict[str, Any] = dict(zip(NAMES, (network, *names))) | compare(ours, theirs)
            if identical(ours, theirs):
                row["verdict"] = "identical"
            else:
                row |= judge(*(repeat(run.record, initial, load()) for run in (ours, theirs)))
            rows.append(row)
            print("{network}: {custom} and {torch}: {verdict}".format(**row))
    columns = [*NAMES, "verdict", *FIGURES]
    table = pd.DataFrame(rows, columns=columns)
    write_table(
        arguments.results / "twins.csv", table.astype({name: "Int64" for name in table if "iteration" in str(name)})
    )


if __name__ == "__main__":
    main()
