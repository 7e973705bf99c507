"""Train one variant of one network, all seeds at once, and write what was measured."""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file, save

from descent import mnist
from descent.files import written_whole
from descent.optimizers import OPTIMIZERS, make_step
from descent.statistics import divergence
from descent.training import Metrics, train


def choose_device(wanted: str) -> torch.device:
    """Return the device; ``auto`` is the GPU, or the CPU where there is none, which is said in a line."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
        if wanted == "cpu":
            print("no GPU found: training on the CPU")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SystemExit("config.yaml: device: PyTorch finds no GPU for 'cuda' here; 'auto' would use the CPU")
    return torch.device(wanted)


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


def tidy(metrics: Metrics, seeds: list[int], **time_columns: torch.Tensor) -> pd.DataFrame:
    """One row a seed and time, seed by seed."""
    frames = [
        pd.DataFrame(
            {
                "seed": seed,
                **{name: column.numpy() for name, column in time_columns.items()},
                "loss": metrics.loss[:, i].numpy(force=True),
                "accuracy": metrics.accuracy[:, i].numpy(force=True),
            }
        )
        for i, seed in enumerate(seeds)
    ]
    return pd.concat(frames)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True, help="what download_mnist wrote")
    parser.add_argument("--initial", type=Path, required=True, help="parameters that initialize wrote")
    parser.add_argument("--implementation", choices=["custom", "torch"], required=True)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, required=True)
    parser.add_argument("--hyperparameters", type=hyperparameter, nargs="+", required=True, metavar="NAME=VALUE")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--evaluation-batch-size", type=int, required=True)
    parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--drop-last", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch on the CPU")
    parser.add_argument("--training", type=Path, required=True, help="CSV to write: a row a minibatch")
    parser.add_argument("--evaluation", type=Path, required=True, help="CSV to write: a row an epoch")
    parser.add_argument("--parameters", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--run", type=Path, required=True, help="JSON to write: device, versions, time")
    arguments = parser.parse_args()

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(arguments.threads)
    device, dtype = choose_device(arguments.device), getattr(torch, arguments.dtype)

    parameters = load_file(arguments.initial, device=str(device))
    seeds = parameters.pop("seeds").tolist()
    parameters = {name: parameter.to(dtype).requires_grad_() for name, parameter in parameters.items()}
    train_split, test_split = (mnist.load(arguments.mnist, split, device, dtype) for split in ("train", "test"))
    step = make_step(
        arguments.implementation, arguments.optimizer, parameters.values(), **dict(arguments.hyperparameters)
    )

    start = time.perf_counter()
    training, evaluation = train(
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
            epoch_line(epoch, arguments.epochs, *metrics, time.perf_counter() - start), flush=True
        ),
    )
    seconds = time.perf_counter() - start

    iterations = torch.arange(len(training.loss))
    per_epoch = len(iterations) // arguments.epochs
    training = tidy(training, seeds, iteration=iterations, epoch=iterations // per_epoch)
    evaluation = tidy(evaluation, seeds, epoch=torch.arange(arguments.epochs))
    for seed, iteration in divergence(training).items():
        print(f"seed {seed} diverged: its loss is not finite from iteration {iteration} on")
    with written_whole(arguments.training) as path:
        training.to_csv(path, index=False, na_rep="nan")
    with written_whole(arguments.evaluation) as path:
        evaluation.to_csv(path, index=False, na_rep="nan")
    with written_whole(arguments.parameters) as path:
        path.write_bytes(save({name: p.detach() for name, p in parameters.items()}))
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
