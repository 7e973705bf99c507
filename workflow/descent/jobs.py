"""A training job: the command line that `train` and `train_sweep` share, the training, and the files that it leaves."""

import argparse
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from descent import mnist
from descent.files import numbers, sha256, write_json
from descent.mnist import Split
from descent.network import Parameters
from descent.pytorch import device_name, prepare
from descent.training import Metrics, minibatches, train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All that a training needs to know, but for its optimizer."""
    parser.add_argument("--mnist", type=Path, required=True, help="what download_mnist wrote")
    parser.add_argument("--initial", type=Path, required=True, help="parameters that initialize wrote")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--evaluation-batch-size", type=int, required=True)
    parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--drop-last", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch on the CPU")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")


def load_parameters(arguments: argparse.Namespace) -> tuple[Parameters, list[int]]:
    """Set PyTorch up, and load the initial parameters, stacked over the seeds, and the seeds."""
    device = torch.device(arguments.device)
    prepare(device, arguments.threads)
    parameters = load_file(arguments.initial)
    seeds = parameters.pop("seeds").tolist()
    return {name: stack.to(device, getattr(torch, arguments.dtype)) for name, stack in parameters.items()}, seeds


SETTINGS = ("epochs", "batch_size", "evaluation_batch_size", "shuffle", "drop_last")  # of a training


def load_mnist(arguments: argparse.Namespace) -> tuple[Split, Split]:
    """The training and the test set, on the job's device."""
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    train_split, test_split = (mnist.load(arguments.mnist, split, device, dtype) for split in ("train", "test"))
    images = len(train_split.labels)
    if not minibatches(images, arguments.batch_size, arguments.drop_last):
        raise SystemExit(
            f"config.yaml: training.batch_size: {arguments.batch_size} is more than the {images} training images, "
            "and drop_last leaves out a minibatch that is not full"
        )
    return train_split, test_split


def run(
    arguments: argparse.Namespace,
    parameters: Parameters,
    step: Callable[[], None],
    splits: tuple[Split, Split],
    seeds: list[int],
) -> tuple[Metrics, Metrics, float]:
    """Train ``parameters``, with a line after each epoch: what ``train`` measured, and the seconds."""

    def after_epoch(epoch: int, training: Metrics, evaluation: Metrics) -> None:
        left = (time.perf_counter() - start) * (arguments.epochs / (epoch + 1) - 1)
        line = epoch_line(epoch, arguments.epochs, training, evaluation)
        print(f"{arguments.output}: {line}, {left:.0f} s left", flush=True)

    start = time.perf_counter()
    training, evaluation = train(
        parameters,
        step,
        *splits,
        seeds=seeds,
        after_epoch=after_epoch,
        **{name: getattr(arguments, name) for name in SETTINGS},
    )
    return training, evaluation, time.perf_counter() - start


def write_record(
    arguments: argparse.Namespace, training: Metrics, seconds: float, files: list[str], **more: Any
) -> None:
    """Write run.json: what was trained, on what, how long, the checksums of the ``files`` beside it, and ``more``."""
    iterations, seeds = training.loss.shape
    record = {name: getattr(arguments, name) for name in ("optimizer", *SETTINGS, "dtype")} | {
        "device": device_name(torch.device(arguments.device)),
        "threads": arguments.threads if arguments.device == "cpu" else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "seeds": seeds,
        "iterations": iterations,
        "seconds": seconds,
        "microseconds_per_iteration_and_seed": seconds / iterations / seeds * 1e6,
        "sha256": {name: sha256(arguments.output / name) for name in files},
    }
    write_json(arguments.output / "run.json", record | more)


def epoch_line(epoch: int, epochs: int, training: Metrics, evaluation: Metrics) -> str:
    """One line per epoch: training loss and accuracy are means since the first iteration, as the lab prints them."""
    return (
        f"epoch {epoch:{len(str(epochs - 1))}d}: "
        f"train loss {training.loss.mean():.4f}, train accuracy {training.accuracy.mean():.2%}, "
        f"test accuracy {evaluation.accuracy[-1].mean():.2%}"
    )


def rows(metrics: Metrics, seeds: list[int], *times: Iterable[int]) -> Iterator[tuple]:
    """Rows of seed, times, loss, accuracy, seed by seed."""
    for i, seed in enumerate(seeds):
        yield from zip(repeat(seed), *times, *(numbers(metric[:, i]) for metric in metrics))
