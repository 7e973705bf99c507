"""Train a variant of a network, or several in one stack, with all seeds at once, and write the results."""

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
from descent.evaluation import classify
from descent.files import numbers, sha256, write_csv, write_json, write_tensors
from descent.mnist import Split
from descent.network import Parameters
from descent.optimizers import OPTIMIZERS, make_stacked_step, make_step
from descent.pytorch import device_name, prepare
from descent.steps import command_line
from descent.training import Metrics, divergence, minibatches, train

SETTINGS = ("epochs", "batch_size", "evaluation_batch_size", "shuffle", "drop_last")  # of a training


def hyperparameter(text: str) -> tuple[str, Any]:
    """Parse ``name=value``, the value as in JSON."""
    name, value = text.split("=", 1)
    return name, json.loads(value)


def parse() -> argparse.Namespace:
    parser = command_line(
        __doc__,
        "Writes training.csv (one row per seed and minibatch), evaluation.csv (one row per seed and epoch), "
        "parameters.safetensors, predictions.safetensors (predicted classes [seeds, images] and labels [images]) and "
        "run.json (settings, device, versions, time, divergence, checksums) into each output folder.",
    )
    parser.add_argument("--mnist", type=Path, required=True, help="the file that download_mnist wrote")
    parser.add_argument("--initial", type=Path, required=True, help="the parameters that initialize wrote")
    parser.add_argument("--implementation", choices=["custom", "torch"], required=True)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, required=True)
    parser.add_argument(
        "--hyperparameters",
        type=hyperparameter,
        nargs="+",
        action="append",
        required=True,
        metavar="NAME=VALUE",
        help="repeat the option to train several settings in one stack",
    )
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--evaluation-batch-size", type=int, required=True)
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
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch on the CPU")
    parser.add_argument(
        "--output", type=Path, nargs="+", required=True, help="the folders to write, one for each --hyperparameters"
    )
    arguments = parser.parse_args()
    if len(arguments.output) != len(arguments.hyperparameters):
        parser.error("--output needs one folder for each --hyperparameters")
    if len(arguments.output) > 1 and arguments.implementation == "torch":
        parser.error("torch.optim trains one setting of hyperparameters at a time")
    return arguments


def load_splits(arguments: argparse.Namespace, device: torch.device, dtype: torch.dtype) -> tuple[Split, Split]:
    """The images to train with and those to evaluate after each epoch."""
    train_split = mnist.load(arguments.mnist, "train", device, dtype)
    if arguments.validation:
        evaluation_split = Split(*(tensor[-arguments.validation :] for tensor in train_split))
        train_split = Split(*(tensor[: -arguments.validation] for tensor in train_split))
    else:
        evaluation_split = mnist.load(arguments.mnist, "test", device, dtype)
    images = len(train_split.labels)
    if not minibatches(images, arguments.batch_size, arguments.drop_last):
        raise SystemExit(
            f"config.yaml: training.batch_size: {arguments.batch_size} is more than the {images} training images, "
            "and drop_last leaves out a minibatch that is not full"
        )
    return train_split, evaluation_split


def epoch_line(epoch: int, epochs: int, training: Metrics, evaluation: Metrics, evaluated: str) -> str:
    """One line per epoch: training loss and accuracy are means since the first iteration, as the lab prints them."""
    return (
        f"epoch {epoch:{len(str(epochs - 1))}d}: "
        f"train loss {training.loss.mean():.4f}, train accuracy {training.accuracy.mean():.2%}, "
        f"{evaluated} accuracy {evaluation.accuracy[-1].mean():.2%}"
    )


def rows(metrics: Metrics, seeds: list[int], *times: Iterable[int]) -> Iterator[tuple]:
    """Rows of seed, times, loss, accuracy, seed by seed."""
    for i, seed in enumerate(seeds):
        yield from zip(repeat(seed), *times, *(numbers(metric[:, i]) for metric in metrics))


def write(
    folder: Path, seeds: list[int], training: Metrics, evaluation: Metrics, tensors: dict[str, Parameters], record: dict
) -> None:
    """Write a training's folder; ``tensors`` are the contents of its safetensors files, ``record`` of its run.json."""
    diverged = {seed: first for seed, first in zip(seeds, divergence(training, evaluation)) if first is not None}
    for seed, first in diverged.items():
        print(f"seed {seed} diverged: its loss is not finite from iteration {first} on")
    iterations, epochs = range(len(training.loss)), range(len(evaluation.loss))
    epoch_of = [iteration // (len(iterations) // len(epochs)) for iteration in iterations]
    write_csv(
        folder / "training.csv",
        ["seed", "iteration", "epoch", "loss", "accuracy"],
        rows(training, seeds, iterations, epoch_of),
    )
    write_csv(folder / "evaluation.csv", ["seed", "epoch", "loss", "accuracy"], rows(evaluation, seeds, epochs))
    for name, content in tensors.items():
        write_tensors(folder / name, content)
    files = ["training.csv", "evaluation.csv", *tensors]
    measured = {
        "seeds": len(seeds),
        "iterations": len(iterations),
        "diverged": diverged,
        "sha256": {name: sha256(folder / name) for name in files},
    }
    write_json(folder / "run.json", record | measured)


def main() -> None:
    arguments = parse()
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    prepare(device, arguments.threads)
    parameters = load_file(arguments.initial)
    seeds = parameters.pop("seeds").tolist()
    folders, settings = arguments.output, [dict(words) for words in arguments.hyperparameters]
    parameters = {  # all seeds, repeated for each setting
        name: stack.to(device, dtype).repeat(len(settings), *[1] * (stack.dim() - 1))
        for name, stack in parameters.items()
    }
    step = (
        make_step(arguments.implementation, arguments.optimizer, parameters.values(), **settings[0])
        if len(settings) == 1
        else make_stacked_step(arguments.optimizer, parameters.values(), settings)
    )
    train_split, evaluation_split = load_splits(arguments, device, dtype)
    evaluated = "validation" if arguments.validation else "test"
    label = f"{folders[0]}" + (f" and {len(folders) - 1} more" if len(folders) > 1 else "")
    ends = []  # of each epoch, in seconds

    def after_epoch(epoch: int, training: Metrics, evaluation: Metrics) -> None:
        line = epoch_line(epoch, arguments.epochs, training, evaluation, evaluated)
        ends.append(time.perf_counter() - start)
        print(f"{label}: {line}, {ends[-1] * (arguments.epochs / (epoch + 1) - 1):.0f} s left", flush=True)

    start = time.perf_counter()
    training, evaluation = train(
        parameters,
        step,
        train_split,
        evaluation_split,
        seeds=seeds * len(settings),
        after_epoch=after_epoch,
        **{name: getattr(arguments, name) for name in SETTINGS},
    )
    share = 1 / len(settings)  # of the job's time
    record = {name: getattr(arguments, name) for name in ("implementation", "optimizer", *SETTINGS)} | {
        "training_images": len(train_split.labels),
        "evaluation_images": len(evaluation_split.labels),
        "validation": arguments.validation,
        "dtype": arguments.dtype,
        "device": device_name(device),
        "threads": arguments.threads if arguments.device == "cpu" else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "seconds": share * ends[-1],
        "epoch_seconds": [share * (end - before) for before, end in zip([0, *ends], ends)],
    }
    split = mnist.load(arguments.mnist, "test", device, dtype) if arguments.test else evaluation_split
    labels = split.labels.to(torch.uint8)
    classes = classify(parameters, split, arguments.evaluation_batch_size)
    for i, (folder, hyperparameters) in enumerate(zip(folders, settings)):
        runs = slice(i * len(seeds), (i + 1) * len(seeds))
        tensors = {
            "parameters.safetensors": {name: stack[runs] for name, stack in parameters.items()},
            "predictions.safetensors": {"classes": classes[runs], "labels": labels},
        }
        its_training, its_evaluation = (Metrics(*(metric[:, runs] for metric in its)) for its in (training, evaluation))
        write(folder, seeds, its_training, its_evaluation, tensors, record | {"hyperparameters": hyperparameters})


if __name__ == "__main__":
    main()
