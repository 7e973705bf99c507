"""Train one variant of one network, all seeds at once, and write what was measured."""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from descent import mnist
from descent.devices import keep_memory, take_gpu
from descent.files import write_csv, written_whole
from descent.network import Parameters
from descent.optimizers import OPTIMIZERS, Step, make_step
from descent.steps import leave
from descent.training import Metrics, minibatches, train


def prepare(device: torch.device, threads: int) -> None:
    """Set PyTorch up so that the same training gives the same bytes; say so where the CPU is all there is."""
    keep_memory()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # a velocity that decays to less than 1e-38 would slow a CPU down
    if device.type == "cuda":
        # device_count() does not start CUDA, so what take_gpu leaves visible still counts.
        visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(torch.cuda.device_count())))
        take_gpu(visible.split(","))
    if device.type == "cpu":  # whose operators in use here are deterministic
        print("training on the CPU" if torch.cuda.is_available() else "no GPU found: training on the CPU")
    elif not torch.cuda.is_available():
        raise SystemExit("config.yaml: device: PyTorch finds no GPU for 'cuda' here; 'cpu' would use the CPU")
    else:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # it would cost operations; all is written here


def device_name(device: torch.device) -> str:
    """The processor's own name for itself."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def hyperparameter(text: str) -> tuple[str, float]:
    """Parse ``name=value``, the value as in JSON."""
    name, value = text.split("=", 1)
    return name, json.loads(value)


def epoch_line(epoch: int, epochs: int, training: Metrics, evaluation: Metrics, seconds: float) -> str:
    """One line an epoch: training loss and accuracy are means since the first iteration, as the lab prints them."""
    return (
        f"epoch {epoch:{len(str(epochs - 1))}d}: "
        f"train loss {training.loss.mean():.4f}, train accuracy {training.accuracy.mean():.2%}, "
        f"test accuracy {evaluation.accuracy[-1].mean():.2%}, "
        f"{seconds / (epoch + 1) * (epochs - epoch - 1):.0f} s left"
    )


def digits(metric: torch.Tensor) -> Callable[[float], str]:
    """Writes a number with as many digits as tell two numbers of a tensor's precision apart."""
    return {torch.float32: "{:.9g}", torch.float64: "{:.17g}"}[metric.dtype].format


def rows(metrics: Metrics, seeds: list[int], *times: Iterable[int]) -> Iterator[tuple]:
    """Rows of seed, times, loss, accuracy, seed by seed."""
    for i, seed in enumerate(seeds):
        columns = (map(digits(metric), metric[:, i].tolist()) for metric in metrics)
        yield from zip(repeat(seed), *times, *columns)


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """What every training is told, but for its optimizer."""
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


def train_as_told(
    arguments: argparse.Namespace, parameters: Parameters, step: Step, seeds: list[int]
) -> tuple[Metrics, Metrics]:
    """Load MNIST and train, with a line an epoch that names the results' folder; what ``training.train`` returns."""
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    train_split, test_split = (mnist.load(arguments.mnist, split, device, dtype) for split in ("train", "test"))
    if not minibatches(len(train_split.labels), arguments.batch_size, arguments.drop_last):
        raise SystemExit(
            f"config.yaml: training.batch_size: {arguments.batch_size} is more than the {len(train_split.labels)} "
            "training images, and drop_last leaves out a minibatch that is not full"
        )
    start = time.perf_counter()
    return train(
        parameters,
        step,
        train_split,
        test_split,
        seeds=seeds,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        evaluation_batch_size=arguments.evaluation_batch_size,
        shuffle=arguments.shuffle,
        drop_last=arguments.drop_last,
        after_epoch=lambda epoch, *metrics: print(
            f"{arguments.evaluation.parent}:",
            epoch_line(epoch, arguments.epochs, *metrics, time.perf_counter() - start),
            flush=True,
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_training_arguments(parser)
    parser.add_argument("--implementation", choices=["custom", "torch"], required=True)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, required=True)
    parser.add_argument("--hyperparameters", type=hyperparameter, nargs="+", required=True, metavar="NAME=VALUE")
    parser.add_argument("--training", type=Path, required=True, help="CSV to write: a row a minibatch")
    parser.add_argument("--evaluation", type=Path, required=True, help="CSV to write: a row an epoch")
    parser.add_argument("--parameters", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--run", type=Path, required=True, help="JSON to write: device, versions, time")
    arguments = parser.parse_args()

    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    prepare(device, arguments.threads)

    parameters = load_file(arguments.initial)
    seeds = parameters.pop("seeds").tolist()
    parameters = {name: parameter.to(device, dtype) for name, parameter in parameters.items()}
    step = make_step(
        arguments.implementation, arguments.optimizer, parameters.values(), **dict(arguments.hyperparameters)
    )
    start = time.perf_counter()
    training, evaluation = train_as_told(arguments, parameters, step, seeds)
    seconds = time.perf_counter() - start

    for seed, losses in zip(seeds, training.loss.T):
        if not losses.isfinite().all():
            print(f"seed {seed} diverged: its loss is not finite from iteration {losses.isfinite().int().argmin()} on")
    iterations = range(len(training.loss))
    epoch_of = [iteration // (len(iterations) // arguments.epochs) for iteration in iterations]
    write_csv(
        arguments.training,
        ["seed", "iteration", "epoch", "loss", "accuracy"],
        rows(training, seeds, iterations, epoch_of),
    )
    write_csv(
        arguments.evaluation,
        ["seed", "epoch", "loss", "accuracy"],
        rows(evaluation, seeds, range(arguments.epochs)),
    )
    with written_whole(arguments.parameters) as path:
        path.write_bytes(save(parameters))
    with written_whole(arguments.run) as path:
        run = {
            "device": device_name(device),
            "threads": arguments.threads if device.type == "cpu" else None,
            "dtype": arguments.dtype,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "seeds": len(seeds),
            "iterations": len(iterations),
            "seconds": seconds,
            "microseconds_per_iteration_and_seed": seconds / len(iterations) / len(seeds) * 1e6,
        }
        path.write_text(json.dumps(run, indent=2) + "\n")


if __name__ == "__main__":
    main()
    leave()
