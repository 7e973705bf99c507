"""Train a variant with all seeds of a study at once, and write the results."""

import argparse
import json
import platform
import time
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from descent import mnist
from descent.devices import device_name, prepare
from descent.evaluation import classify, evaluate
from descent.files import numbers, sha256, write_csv, write_json, write_tensors
from descent.implementations import make_optimizer
from descent.mnist import Split
from descent.network import Parameters
from descent.steps import command_line
from descent.training import Metrics, divergence, minibatches, train

SETTINGS = ("epochs", "batch_size", "shuffle", "drop_last")  # of the minibatches


def parse() -> argparse.Namespace:
    parser = command_line(
        __doc__,
        "Writes training.csv (one row per seed and minibatch), evaluation.csv (one row per seed and epoch), "
        "parameters.safetensors, predictions.safetensors (predicted classes [seeds, images] and labels [images]) and "
        "run.json (settings, device, versions, seconds, divergence, checksums) into the output folder.",
    )
    parser.add_argument("--mnist", type=Path, required=True, help="the file that download_mnist wrote")
    parser.add_argument("--initial", type=Path, required=True, help="the parameters that initialize wrote")
    parser.add_argument("--implementation", choices=["custom", "torch"], required=True)
    parser.add_argument("--optimizer", required=True, metavar="NAME", help="a file of descent/optimizers/")
    parser.add_argument(
        "--hyperparameters", type=json.loads, required=True, metavar="JSON", help='for example {"lr": 0.01}'
    )
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--evaluation-batch-size", type=int, default=256)
    parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--drop-last", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument(
        "--validation",
        type=int,
        default=0,
        metavar="N",
        help="hold out the last N training images, and evaluate on them instead of the test set",
    )
    parser.add_argument(
        "--test", action="store_true", help="after the training, classify the test set for predictions.safetensors"
    )
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch on the CPU")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    return parser.parse_args()


def load_splits(arguments: argparse.Namespace, device: torch.device) -> tuple[Split, Split, Split]:
    """The images to train with, those to evaluate after each epoch, and those of predictions.safetensors."""
    dtype = getattr(torch, arguments.dtype)
    training, test = (mnist.load(arguments.mnist, split, device, dtype) for split in ("train", "test"))
    evaluated = test
    if held_out := arguments.validation:
        training, evaluated = (
            Split(*(its[:-held_out] for its in training)),
            Split(*(its[-held_out:] for its in training)),
        )
    if arguments.drop_last and arguments.batch_size > len(training.labels):
        raise SystemExit(
            f"config.yaml: training.batch_size: {arguments.batch_size} is more than the {len(training.labels)} "
            "training images, and drop_last leaves out a minibatch that is not full"
        )
    return training, evaluated, test if arguments.test else evaluated


def rows(metrics: Metrics, seeds: list[int], *times: Iterable[int]) -> Iterator[tuple]:
    """Rows of seed, times, loss, accuracy, seed by seed."""
    for i, seed in enumerate(seeds):
        yield from zip(repeat(seed), *times, *(numbers(metric[:, i]) for metric in metrics))


def write(
    folder: Path, seeds: list[int], training: Metrics, evaluation: Metrics, tensors: dict[str, Parameters], record: dict
) -> None:
    """Write the output folder; ``tensors`` are the contents of its safetensors files, ``record`` of its run.json."""
    iterations, epochs = range(len(training.loss)), range(len(evaluation.loss))
    epoch_of = [iteration // (len(iterations) // len(epochs)) for iteration in iterations]
    tables: dict[str, tuple[list[str], Iterator[tuple]]] = {
        "training.csv": (["seed", "iteration", "epoch"], rows(training, seeds, iterations, epoch_of)),
        "evaluation.csv": (["seed", "epoch"], rows(evaluation, seeds, epochs)),
    }
    for name, (times, its_rows) in tables.items():
        write_csv(folder / name, [*times, "loss", "accuracy"], its_rows)
    for name, content in tensors.items():
        write_tensors(folder / name, content)
    checksums = {name: sha256(folder / name) for name in [*tables, *tensors]}
    write_json(folder / "run.json", record | {"iterations": len(iterations), "sha256": checksums})


def main() -> None:
    arguments = parse()
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    prepare(device, arguments.threads)
    parameters = load_file(arguments.initial)
    seeds = parameters.pop("seeds").tolist()
    parameters = {name: its.to(device, dtype, copy=True).requires_grad_() for name, its in parameters.items()}
    training_split, evaluation_split, classified_split = load_splits(arguments, device)
    settings: dict[str, Any] = {name: getattr(arguments, name) for name in SETTINGS}
    optimizer = make_optimizer(
        arguments.implementation, arguments.optimizer, parameters.values(), **arguments.hyperparameters
    )

    start, measured, evaluated = time.perf_counter(), [], []
    epochs = minibatches(training_split, seeds=seeds, **settings)
    for epoch, metrics in enumerate(train(parameters, optimizer, training_split, epochs)):
        measured.append(metrics)
        evaluated.append(evaluate(parameters, evaluation_split, arguments.evaluation_batch_size))
        training = Metrics(*map(torch.cat, zip(*measured)))  # since the first iteration, as the lab prints its means
        seconds = time.perf_counter() - start
        print(
            f"{arguments.output}: epoch {epoch:{len(str(arguments.epochs - 1))}d}: "
            f"train loss {training.loss.mean():.4f}, train accuracy {training.accuracy.mean():.2%}, "
            f"{'validation' if arguments.validation else 'test'} accuracy {evaluated[-1][1].mean():.2%}, "
            f"{seconds * (arguments.epochs / (epoch + 1) - 1):.0f} s left",
            flush=True,
        )
    evaluation = Metrics(*map(torch.stack, zip(*evaluated)))

    diverged = {seed: first for seed, first in zip(seeds, divergence(training, evaluation)) if first is not None}
    for seed, first in diverged.items():
        print(f"seed {seed} diverged: its loss is not finite from iteration {first} on")
    classes = classify(parameters, classified_split, arguments.evaluation_batch_size)
    tensors = {
        "parameters.safetensors": parameters,
        "predictions.safetensors": {"classes": classes, "labels": classified_split.labels.to(torch.uint8)},
    }
    record = {name: getattr(arguments, name) for name in ("implementation", "optimizer", "hyperparameters", *SETTINGS)}
    record |= {
        "dtype": arguments.dtype,
        "training_images": len(training_split.labels),
        "evaluation_images": len(evaluation_split.labels),
        "validation": arguments.validation,
        "seeds": len(seeds),
        "diverged": diverged,
        "seconds": seconds,
        "device": device_name(device),
        "threads": arguments.threads if arguments.device == "cpu" else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    write(arguments.output, seeds, training, evaluation, tensors, record)


if __name__ == "__main__":
    main()
