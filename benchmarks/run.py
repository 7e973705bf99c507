"""Measure Descent's training beside its peers on this machine: `make benchmark`.

Every measurement is a process of its own, pinned to its cores, with the same threads for all; the peers alternate,
so that a machine that slows down slows all of them. What is told is the median, with the least and the most.
Writes measurements.csv (all peers), in_turn.csv (Descent and JAX), growth.csv, each when it is measured, and growth.svg
and table.md of those into benchmarks/results/DATE/.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "workflow"))

from descent import mnist  # noqa: E402
from descent.figures import COLOURS  # noqa: E402
from descent.network import initialize, stack  # noqa: E402
from descent.steps.train import device_name  # noqa: E402

# What is measured on each device: a peer, the seeds that it trains in one measurement, and its epochs in it.
PLANS = {
    "cpu": [
        ("descent", 5, 2),
        ("jax_scan", 5, 2),
        ("torch_compile", 1, 2),
        ("eager", 1, 2),
        ("numpy_by_hand", 1, 2),
        ("lab_loop", 1, 1),
    ],
    "cuda": [
        *((peer, seeds, 20) for seeds in (1, 5, 64, 1024) for peer in ("descent", "jax_scan")),
        ("torch_compile", 1, 20),
        ("eager", 1, 20),
        ("lab_loop", 1, 1),
    ],
}
# What a peer needs beside what Descent needs.
NEEDS = {
    "cpu": {"jax_scan": "jax", "lab_loop": "torchvision"},
    "cuda": {"jax_scan": "jax_cuda13_plugin", "lab_loop": "torchvision"},
}
PARTS = ["measurements", "in_turn", "growth"]
HIDDEN = [100, 100]
ITERATIONS = 468  # an epoch, at batch size 128


def write_data(folder: Path, hidden: list[int], seeds: int) -> None:
    """Write MNIST and initial parameters as peers.py reads them."""
    folder.mkdir(exist_ok=True)
    for split in ("train", "test"):
        data = mnist.load(HERE.parent / "resources/mnist.safetensors", split)
        np.save(folder / f"{split}_images.npy", data.images.numpy())
        np.save(folder / f"{split}_labels.npy", data.labels.numpy())
    for name, tensor in stack([initialize(hidden, seed) for seed in range(seeds)]).items():
        np.save(folder / f"{name}.npy", tensor.mT.numpy() if name.startswith("W") else tensor.numpy())  # [n_in, n_out]


def measure(peer: str, data: Path, threads: int, device: str, **options: int) -> dict:
    """Run one measurement in a process of its own; what it printed, and the most memory that it had, in GB."""
    environment = os.environ | {
        name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    }
    environment["PYTHONPATH"] = str(HERE.parent / "workflow")
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, HERE / "peers.py", peer, data, "--threads", str(threads), "--device", device, *words]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode or "without a CUDA graph" in run.stdout:
        raise SystemExit(f"{peer} failed:\n{run.stdout}\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def compare(data: Path, repeats: int, threads: int, device: str) -> pd.DataFrame:
    """Every peer that is installed, repeats times, alternating: a row a measurement."""
    for peer, package in NEEDS[device].items():
        if not is_installed(package):
            print(f"{peer} is left out: {package} is not installed")
    plan = [entry for entry in PLANS[device] if is_installed(NEEDS[device].get(entry[0], "torch"))]
    rows = []
    for repeat in range(repeats):
        for peer, seeds, epochs in tqdm(plan, desc=f"{threads} threads, {repeat + 1}/{repeats}"):
            result = measure(peer, data, threads, device, seeds=seeds, epochs=epochs)
            microseconds = result["seconds"] / (ITERATIONS * epochs * seeds) * 1e6
            rows.append(
                {"peer": peer, "device": device, "threads": threads, "repeat": repeat, "seeds": seeds, "epochs": epochs}
                | {"microseconds": microseconds, "accuracy": np.mean(result["accuracies"])}
            )
    return pd.DataFrame(rows)


def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def in_turn(data: Path, repeats: int, epochs: int, device: str) -> pd.DataFrame:
    """Descent and JAX in turn on the job of the default run: five seeds, all its epochs, one thread."""
    rows = []
    for repeat in range(repeats):
        for peer in ("descent", "jax_scan"):
            if is_installed(NEEDS[device].get(peer, "torch")):
                result = measure(peer, data, 1, device, seeds=5, epochs=epochs)
                rows.append({"peer": peer, "repeat": repeat, "epochs": epochs, "seconds": result["seconds"]})
    return pd.DataFrame(rows)


def scale(folder: Path, most_seeds: int, device: str, rate: float) -> pd.DataFrame:
    """How the cost of an iteration and seed grows with seeds, hidden sizes and batch; beside the floor.

    A CPU's rate is measured anew beside each, as other work may slow both down.
    """
    points = [("seeds", {"seeds": n}) for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1024) if n <= most_seeds]
    points += [("hidden", {"hidden": n}) for n in (50, 100, 200, 400, 800, 1600)]
    points += [("batch", {"batch": n}) for n in (32, 64, 128, 256, 512, 1024, 2048, 4096)]
    rows = []
    for axis, change in tqdm(points, desc="growth"):
        setting = {"seeds": 5, "hidden": 100, "batch": 128} | change
        write_data(folder, [setting["hidden"]] * 2, setting["seeds"])
        images = min(60000, max(60000 * 25 // setting["seeds"], 10 * setting["batch"]))  # an epoch of 25 seeds suffices
        iterations = images // setting["batch"]
        epochs = 1 if device == "cpu" else 20
        options = {"seeds": setting["seeds"], "batch": setting["batch"], "images": images, "epochs": epochs}
        result = measure("descent", folder, 1, device, **options)
        if device == "cpu":
            rate = measure("matrix_rate", folder, 1, device)["rate"]
        rows.append(
            {"axis": axis, **setting}
            | {"microseconds": result["seconds"] / iterations / epochs / setting["seeds"] * 1e6}
            | {"floor": operations(setting["hidden"], setting["batch"]) / rate / 1e3}
        )
    return pd.DataFrame(rows)


def operations(hidden: int, batch: int) -> float:
    """Floating point operations of the matrix products of an iteration and seed: forward, and both gradients."""
    first, rest = 784 * hidden, hidden * hidden + hidden * 10
    return 2 * batch * (2 * first + 3 * rest)


def hardware(device: str) -> str:
    return f"{device_name(torch.device(device))}, {os.cpu_count()} cores seen"


def versions() -> str:
    found = []
    for package in ("torch", "jax", "numpy"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return ", ".join([*found, f"Python {platform.python_version()}"])


def table(comparison: pd.DataFrame, turns: pd.DataFrame, rate: float, device: str) -> str:
    """The Markdown table, ratios to Descent first."""
    lines = [f"{date.today()}, {hardware(device)}; {versions()}.", ""]
    seconds = turns.groupby("peer")["seconds"].median()
    if "jax_scan" in seconds:
        lines += [
            f"Five seeds, {turns['epochs'].iloc[0]} epochs, one thread: Descent takes "
            f"**{seconds['descent'] / seconds['jax_scan']:.2f} times** what JAX takes "
            f"({seconds['descent']:.3g} s and {seconds['jax_scan']:.3g} s, medians of {turns['repeat'].max() + 1}).",
            "",
        ]
    lines += ["| | threads | seeds | times Descent | µs an iteration and seed (least to most) | test accuracy, % |"]
    lines += ["| --- | --: | --: | --: | --: | --: |"]
    medians = comparison.groupby(["threads", "peer", "seeds"], sort=False)["microseconds"].median()
    for (threads, peer, seeds), rows in comparison.groupby(["threads", "peer", "seeds"], sort=False):
        ours = medians[threads, "descent"]
        median, microseconds = medians[threads, peer, seeds], rows["microseconds"]
        lines.append(
            f"| {peer} | {threads} | {seeds} | {median / ours.get(seeds, ours.iloc[0]):.2f} | {digits(median)} "
            f"({digits(microseconds.min())} to {digits(microseconds.max())}) | {rows['accuracy'].mean():.2%} |"
        )
    floor, what = operations(100, 128) / rate / 1e3, "one core reaches" if device == "cpu" else "the GPU reaches"
    epochs = ", ".join(f"{n} of {peer}" for peer, n in comparison.groupby("peer")["epochs"].first().items())
    lines += [
        "",
        f"The matrix products alone take {digits(floor)} µs at the {rate:.0f} GFLOP/s that {what} on large squares.",
        "Times Descent: at the same number of seeds, or at Descent's first. Accuracies are those after the epochs",
        f"measured: {epochs}.",
    ]
    return "\n".join(lines) + "\n"


def digits(microseconds: float) -> str:
    return f"{microseconds:.0f}" if microseconds >= 100 else f"{microseconds:.3g}"


def plot(growth: pd.DataFrame, device: str) -> Figure:
    figure = Figure(figsize=(12, 4), layout="constrained")
    for panel, axis in zip(figure.subplots(1, 3), ("seeds", "hidden", "batch")):
        rows = growth[growth["axis"] == axis]
        panel.plot(rows[axis], rows["microseconds"], "o-", color=COLOURS[0], label="Descent")
        panel.plot(rows[axis], rows["floor"], "--", color=COLOURS[3], label="matrix products alone")
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        for scale in (panel.xaxis, panel.yaxis):
            scale.set_major_formatter("{x:g}")
        panel.set_xlabel({"seeds": "seeds in a job", "hidden": "hidden units", "batch": "batch size"}[axis])
        panel.grid(alpha=0.3, which="both")
    figure.axes[0].set(ylabel="µs an iteration and seed", yscale="linear", ylim=(0, None))
    figure.axes[0].legend()
    figure.suptitle(f"else: 5 seeds, 784-100-100-10, batch 128; {hardware(device)}", fontsize=10)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", choices=PLANS, default="cpu")
    parser.add_argument("--threads", type=int, nargs="+", help="one comparison for each (default: 1 2, or 1 on a GPU)")
    parser.add_argument("--epochs", type=int, default=20, help="of the run in turn with JAX")
    parser.add_argument("--most-seeds", type=int, default=1024)
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/DATE, or DATE-cuda")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="what to measure anew (default: all)")
    arguments = parser.parse_args()
    device = arguments.device
    threads = arguments.threads or ([1, 2] if device == "cpu" else [1])
    output = arguments.output or HERE / "results" / f"{date.today()}{'' if device == 'cpu' else '-cuda'}"
    output.mkdir(parents=True, exist_ok=True)

    with TemporaryDirectory() as folder:
        data = Path(folder)
        write_data(data, HIDDEN, max(seeds for _, seeds, _ in PLANS[device]))
        rate = measure("matrix_rate", data, 1, device)["rate"]
        parts = {
            "measurements": lambda: pd.concat([compare(data, arguments.repeats, n, device) for n in threads]),
            "in_turn": lambda: in_turn(data, arguments.repeats, arguments.epochs, device),
            "growth": lambda: scale(data, arguments.most_seeds, device, rate),
        }
        for part in arguments.parts:
            parts[part]().to_csv(output / f"{part}.csv", index=False, float_format="%.4g")

    comparison, turns, growth = (pd.read_csv(file) if (file := output / f"{p}.csv").exists() else None for p in PARTS)
    if growth is not None:
        plot(growth, device).savefig(output / "growth.svg", metadata={"Date": None})
    if comparison is not None and turns is not None:
        text = table(comparison, turns, rate, device)
        (output / "table.md").write_text(text)
        print(text)


if __name__ == "__main__":
    main()
