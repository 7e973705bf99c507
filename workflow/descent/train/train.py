"""Train a variant with all seeds of a study at once, and write the results."""

import argparse
import json
import platform
import time
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

import torch
from safetensors.torch import load_file

from descent.data import mnist
from descent.data.mnist import Split
from descent.files import numbers, sha256, write_csv, write_json, write_tensors
from descent.optimizers import FOLDER
from descent.optimizers._classes import package_version
from descent.step import command_line
from descent.train.device import device_name, prepare
from descent.train.loop import Metrics, divergence, minibatches, train
from descent.train.loss import classify, evaluate
from descent.train.network import ACTIVATIONS
from descent.train.optimizer import evaluating, make_optimizer
from descent.train.schedules import SCHEDULES, fraction

TRAINING, EVALUATION = "training.csv", "evaluation.csv"
PARAMETERS, PREDICTIONS = "parameters.safetensors", ".intermediate/predictions.safetensors"


def parse() -> argparse.Namespace:
    parser = command_line(
        __doc__,
        f"Writes {TRAINING} (one row per seed and minibatch), {EVALUATION} (one row per seed and epoch), {PARAMETERS}, "
        f"{PREDICTIONS} (predicted classes [seeds, images] and labels [images]) and run.json (settings, device, "
        "versions, seconds, divergence, checksums) into the output folder.",
    )
    parser.add_argument("--mnist", type=Path, required=True, help="the file that download_mnist wrote")
    parser.add_argument("--initial", type=Path, required=True, help="the parameters that initialize wrote")
    parser.add_argument("--implementation", choices=["custom", "torch"], required=True)
    parser.add_argument("--optimizer", required=True, metavar="NAME", help="a file of descent/optimizers/, or a class")
    parser.add_argument(
        "--hyperparameters", type=json.loads, required=True, metavar="JSON", help='for example {"lr": 0.01}'
    )
    parser.add_argument("--activation", choices=ACTIVATIONS, default="relu", help="of the network")
    parser.add_argument("--schedule", choices=SCHEDULES, default="constant", help="of the learning rate")
    parser.add_argument("--warmup", type=float, default=0, help="fraction of the training in which lr rises from 0")
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
        "--test", action="store_true", help="after the training, classify the test set for the predictions"
    )
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch on the CPU")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    return parser.parse_args()


def load_splits(arguments: argparse.Namespace, device: torch.device) -> tuple[Split, Split, Split]:
    """The images to train with, those to evaluate after each epoch, and those of the predictions."""
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


def progress(arguments: argparse.Namespace, epoch: int, training: Metrics, tested: torch.Tensor, seconds: float) -> str:
    """The line of an epoch, as one string: trainings side by side must not mix theirs."""
    name, loss = "/".join(arguments.output.parts[-2:]), training.loss.mean()
    return (
        f"{name}  epoch {epoch:{len(str(arguments.epochs))}d}/{arguments.epochs}  "
        f"train {loss:{'.4f' if loss < 100 else '.1e'}} {training.accuracy.mean():.1%}  "
        f"{'validation' if arguments.validation else 'test'} {tested.mean():.1%}  "
        f"{seconds * (arguments.epochs / epoch - 1):.0f} s left\n"
    )


def main() -> None:
    arguments = parse()
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    prepare(device, arguments.threads)
    parameters = load_file(arguments.initial)
    seeds = parameters.pop("seeds").tolist()
    parameters = {name: its.to(device, dtype, copy=True).requires_grad_() for name, its in parameters.items()}
    training_split, evaluation_split, classified_split = load_splits(arguments, device)
    try:
        optimizer = make_optimizer(
            arguments.implementation, arguments.optimizer, parameters.values(), **arguments.hyperparameters
        )
    except (TypeError, ValueError) as error:  # an optimizer that does not exist, or values that it refuses
        raise SystemExit(str(error)) from error
    epochs = minibatches(
        training_split,
        seeds=seeds,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        shuffle=arguments.shuffle,
        drop_last=arguments.drop_last,
    )

    evaluation_options = arguments.evaluation_batch_size, arguments.activation

    def schedule(epochs_done: float) -> float:
        return fraction(arguments.schedule, arguments.warmup, epochs_done / arguments.epochs)

    start, measured, evaluated = time.perf_counter(), [], []
    for epoch, metrics in enumerate(
        train(parameters, optimizer, training_split, epochs, schedule, arguments.activation)
    ):
        measured.append(metrics)
        with evaluating(optimizer):
            evaluated.append(evaluate(parameters, evaluation_split, *evaluation_options))
        training = Metrics(*map(torch.cat, zip(*measured)))  # since the first iteration, as the lab prints its means
        seconds = time.perf_counter() - start
        print(progress(arguments, epoch + 1, training, evaluated[-1][1], seconds), end="", flush=True)
    evaluation = Metrics(*map(torch.stack, zip(*evaluated)))
    diverged = {seed: first for seed, first in zip(seeds, divergence(training, evaluation)) if first is not None}
    for seed, first in diverged.items():
        print(f"seed {seed} diverged: its loss is not finite from iteration {first} on")

    folder, iterations, header = arguments.output, range(len(training.loss)), ["loss", "accuracy"]
    epoch_of = [iteration // len(metrics.loss) for iteration in iterations]
    write_csv(folder / TRAINING, ["seed", "iteration", "epoch", *header], rows(training, seeds, iterations, epoch_of))
    write_csv(folder / EVALUATION, ["seed", "epoch", *header], rows(evaluation, seeds, range(arguments.epochs)))
    with evaluating(optimizer):
        write_tensors(folder / PARAMETERS, parameters)
        classes = classify(parameters, classified_split, *evaluation_options)
    write_tensors(folder / PREDICTIONS, {"classes": classes, "labels": classified_split.labels.to(torch.uint8)})
    settings = {name: value for name, value in vars(arguments).items() if not isinstance(value, Path)}
    found = {
        "training_images": len(training_split.labels),
        "evaluation_images": len(evaluation_split.labels),
        "seeds": len(seeds),
        "iterations": len(iterations),
        "diverged": diverged,
        "seconds": seconds,
        "device": device_name(device),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "package": package_version(arguments.optimizer),
        "sha256": {name: sha256(folder / name) for name in (TRAINING, EVALUATION, PARAMETERS, PREDICTIONS)},
    }
    if arguments.implementation == "custom":
        rule = FOLDER / f"{arguments.optimizer}.py"
        found["rule"] = {"sha256": sha256(rule), "text": rule.read_text(encoding="utf-8")}
    write_json(folder / "run.json", settings | found)


if __name__ == "__main__":
    main()
