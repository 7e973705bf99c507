"""Train a variant with all seeds of a study at once, and write the results."""

import platform
import time
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Annotated, Literal

import torch

from descent import step
from descent.data.idx_files import checksums
from descent.data.mnist import Split, load
from descent.files import numbers, read_tensors, sha256, write_csv, write_json, write_tensors
from descent.optimizers import own_sources
from descent.optimizers._classes import package_version
from descent.train.device import device_name, prepare
from descent.train.loop import Metrics, divergence, minibatches, train
from descent.train.loss import classify, evaluate
from descent.train.optimizer import OptimizerError, evaluating, make_optimizer
from descent.train.schedules import lr_setter

TRAINING, EVALUATION = "training.csv", "evaluation.csv"
PARAMETERS, PREDICTIONS = "parameters.safetensors", ".intermediate/predictions.safetensors"


def hold_out(training: Split, images: int) -> tuple[Split, Split]:
    """The training images without the last ones, and these."""
    return Split(*(its[:-images] for its in training)), Split(*(its[-images:] for its in training))


def rows(metrics: Metrics, seeds: list[int], *times: Iterable[int]) -> Iterator[tuple]:
    """Rows of seed, times, loss, accuracy, seed by seed."""
    for i, seed in enumerate(seeds):
        yield from zip(repeat(seed), *times, *(numbers(metric[:, i]) for metric in metrics))


def progress(name: str, epoch: int, epochs: int, training: Metrics, evaluated: str, seconds: float) -> str:
    """The line of an epoch, as one string: trainings side by side must not mix theirs. It fits 80 columns."""
    loss = training.loss.mean()
    its = (
        f"  epoch {epoch:{len(str(epochs))}d}/{epochs}  "
        f"train {loss:{'.4f' if loss < 100 else '.1e'}} {training.accuracy.mean():.1%}  "
        f"{evaluated}  {seconds * (epochs / epoch - 1):.0f} s left\n"
    )
    room = 80 - len(its)
    return (name if len(name) <= room else f"{name[: room - 1]}…") + its


def main(
    mnist: step.Mnist,
    initial: Annotated[Path, "the parameters that initialize wrote"],
    output: Annotated[Path, "the folder to write"],
    implementation: Literal["custom", "torch"],
    optimizer: Annotated[str, "a file of descent/optimizers/, or a class"],
    hyperparameters: Annotated[dict, 'for example {"lr": 0.01}'],
    epochs: int,
    batch_size: int,
    activation: str = "relu",
    schedule: Annotated[Literal["constant", "linear", "cosine"], "of the learning rate"] = "constant",
    warmup: Annotated[float, "fraction of the training in which lr rises from 0"] = 0,
    shuffle: bool = False,
    drop_last: bool = False,
    evaluation_batch_size: int = 256,
    validation: Annotated[int, "evaluate on the last so many training images, held out, and not on the test set"] = 0,
    test: Annotated[bool, "after the training, classify the test set for the predictions"] = False,
    dtype: Literal["float32", "float64"] = "float32",
    device: Literal["cpu", "cuda"] = "cpu",
    threads: step.Threads = 1,
) -> None:
    """Writes training.csv (one row per seed and minibatch), evaluation.csv (one row per seed and epoch),
    parameters.safetensors, .intermediate/predictions.safetensors (predicted classes [seeds, images] and labels
    [images]) and run.json (options, device, versions, seconds, divergence, checksums) into the output folder.
    """
    options = {name: value for name, value in locals().items() if not isinstance(value, Path)}
    place, kind = torch.device(device), getattr(torch, dtype)
    prepare(place, threads)
    parameters = read_tensors(initial)
    seeds = parameters.pop("seeds").tolist()
    parameters = {name: its.to(place, kind, copy=True).requires_grad_() for name, its in parameters.items()}
    training_split, test_split = (load(mnist, split, place, kind) for split in ("train", "test"))
    training_split, evaluation_split = (
        hold_out(training_split, validation) if validation else (training_split, test_split)
    )
    if not (images := len(training_split.labels)):
        raise SystemExit(f"config.yaml: sweep.validation: {validation} images held out leave none to train with")
    if drop_last and batch_size > images:
        raise SystemExit(
            f"config.yaml: training.batch_size: {batch_size} is more than the {images} training images, and drop_last "
            "leaves out a minibatch that is not full"
        )
    try:
        its_optimizer = make_optimizer(implementation, optimizer, parameters.values(), seeds, **hyperparameters)
        set_lr = lr_setter(its_optimizer, schedule, warmup, epochs)
    except (TypeError, ValueError) as error:  # an optimizer that does not exist, or values that it refuses
        raise SystemExit(f"{optimizer}: {error}") from error
    batches = minibatches(
        training_split, seeds=seeds, epochs=epochs, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last
    )
    start, measured, evaluated = time.perf_counter(), [], []
    try:
        for metrics in train(parameters, its_optimizer, training_split, batches, set_lr, activation):
            measured.append(metrics)
            with evaluating(its_optimizer):
                evaluated.append(evaluate(parameters, evaluation_split, evaluation_batch_size, activation))
            training = Metrics(*map(torch.cat, zip(*measured)))  # as the lab prints its means
            seconds, done = time.perf_counter() - start, len(measured)
            reached = f"{'val.' if validation else 'test'} {evaluated[-1][1].mean():.1%}"
            name = output.name if validation else "/".join(output.parts[-2:])
            print(progress(name, done, epochs, training, reached, seconds), end="", flush=True)
    except OptimizerError as error:
        raise SystemExit(f"{optimizer}: {error}") from error
    evaluation = Metrics(*map(torch.stack, zip(*evaluated)))
    diverged = {seed: first for seed, first in zip(seeds, divergence(training, evaluation)) if first is not None}
    for seed, first in diverged.items():
        print(f"seed {seed} diverged: its loss is not finite from iteration {first} on")

    iterations, header = range(len(training.loss)), ["loss", "accuracy"]
    epoch_of = [iteration // len(metrics.loss) for iteration in iterations]
    write_csv(output / TRAINING, ["seed", "iteration", "epoch", *header], rows(training, seeds, iterations, epoch_of))
    write_csv(output / EVALUATION, ["seed", "epoch", *header], rows(evaluation, seeds, range(epochs)))
    classified = test_split if test else evaluation_split
    with evaluating(its_optimizer):
        write_tensors(output / PARAMETERS, parameters)
        classes = classify(parameters, classified, evaluation_batch_size, activation)
    write_tensors(output / PREDICTIONS, {"classes": classes, "labels": classified.labels.to(torch.uint8)})
    found = {
        "training_images": images,
        "evaluation_images": len(evaluation_split.labels),
        "seeds": seeds,
        "hidden": [its.shape[1] for name, its in parameters.items() if name.startswith("b")][:-1],
        "data": checksums(read_tensors(mnist)),
        "iterations": len(iterations),
        "diverged": diverged,
        "seconds": seconds,
        "processor": device_name(place),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "package": package_version(optimizer),
        "sources": {
            file.name: {"sha256": sha256(file), "text": file.read_text(encoding="utf-8")}
            for file in own_sources(implementation, optimizer)
        },
        "sha256": {name: sha256(output / name) for name in (TRAINING, EVALUATION, PARAMETERS, PREDICTIONS)},
    }
    write_json(output / "run.json", options | found)


if __name__ == "__main__":
    step.run(main)
