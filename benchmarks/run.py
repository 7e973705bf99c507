"""Measure Descent's training beside its peers on this machine: `make benchmark`.

Every measurement is a process of its own, pinned to its cores, with the same threads for all; the peers alternate,
so that a machine that slows down slows all of them. The median is reported, with the least and the most.
Writes setting.csv (on what), measurements.csv (all peers), in_turn.csv (Descent and JAX) and growth.csv, each when it
is measured, and growth.svg and table.md of those into benchmarks/results/DATE-PROCESSOR/.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
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

from descent.data import mnist  # noqa: E402
from descent.drawing import COLOURS  # noqa: E402
from descent.train.device import MALLOC, device_name  # noqa: E402
from descent.train.network import initialize, stack  # noqa: E402

# What is measured on each device: a peer, the seeds that it trains in one measurement, and its epochs in it.
PLANS = {
    "cpu": [
        ("descent", 5, 2),
        ("jax_scan", 5, 2),
        ("torch_compile", 1, 2),
        ("eager", 1, 2),
        ("numpy_by_hand", 1, 2),
        ("lab_loop", 1, 2),
    ],
    "cuda": [
        *((peer, seeds, 20) for seeds in (1, 5, 64) for peer in ("descent", "jax_scan")),
        ("descent", 1024, 2),
        ("jax_scan", 1024, 2),
        ("torch_compile", 1, 20),
        ("eager", 1, 20),
        ("lab_loop", 1, 2),
    ],
}
# What a peer needs beside what Descent needs.
NEEDS = {
    "cpu": {"jax_scan": "jax", "lab_loop": "torchvision"},
    "cuda": {"jax_scan": "jax_cuda13_plugin", "lab_loop": "torchvision"},
}
PARTS = ["setting", "measurements", "in_turn", "growth"]
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
    """Run one measurement in a process of its own; what it printed."""
    environment = os.environ | {
        name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    }
    environment["PYTHONPATH"] = str(HERE.parent / "workflow")
    environment |= MALLOC  # as the rules have
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, HERE / "peers.py", peer, data, "--threads", str(threads), "--device", device, *words]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{peer} failed:\n{run.stdout}\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def compare(data: Path, peers: list[str], repeats: int, threads: int, device: str) -> pd.DataFrame:
    """Descent and each peer that is installed, repeats times, alternating: one row per measurement."""
    for peer, package in NEEDS[device].items():
        if peer in peers and not is_installed(peer, device):
            print(f"{peer} is left out: {package} is not installed")
    plan = [entry for entry in PLANS[device] if entry[0] in {"descent", *peers} and is_installed(entry[0], device)]
    rows = []
    for repeat in range(repeats):
        for peer, seeds, epochs in tqdm(plan, desc=f"{threads} threads, {repeat + 1}/{repeats}"):
            try:
                result = measure(peer, data, threads, device, seeds=seeds, epochs=epochs)
            except RuntimeError as error:  # torch.compile needs a C compiler; many seeds need memory
                print(error)
                continue
            microseconds = result["seconds"] / (ITERATIONS * epochs * seeds) * 1e6
            rows.append(
                {"peer": peer, "device": device, "threads": threads, "repeat": repeat, "seeds": seeds, "epochs": epochs}
                | {
                    "microseconds": microseconds,
                    "memory": result["memory"],
                    "accuracy_of_seed_0": result["accuracies"][0],
                }
            )
            check(rows)
    return pd.DataFrame(rows)


def check(rows: list[dict]) -> None:
    """Raise SystemExit if a peer's seed 0 does not learn what it learns in Descent in as many epochs."""
    its = rows[-1]
    for ours in rows:
        is_comparable = ours["peer"] == "descent" and ours["epochs"] == its["epochs"]
        if is_comparable and abs(ours["accuracy_of_seed_0"] - its["accuracy_of_seed_0"]) > 0.005:
            raise SystemExit(f"{its['peer']} trains otherwise than Descent: {its}\n{ours}")


def is_installed(peer: str, device: str) -> bool:
    """Whether what a peer needs is there."""
    return peer not in NEEDS[device] or importlib.util.find_spec(NEEDS[device][peer]) is not None


def in_turn(data: Path, repeats: int, epochs: int, device: str) -> pd.DataFrame:
    """Descent and JAX in turn, each first every other time, on the default run's job: five seeds, one thread."""
    rows = []
    for repeat in range(repeats):
        for peer in ("descent", "jax_scan") if repeat % 2 == 0 else ("jax_scan", "descent"):
            if is_installed(peer, device):
                result = measure(peer, data, 1, device, seeds=5, epochs=epochs)
                rows.append({"peer": peer, "repeat": repeat, "epochs": epochs, "seconds": result["seconds"]})
    return pd.DataFrame(rows)


def grow(folder: Path, most_seeds: int, device: str) -> pd.DataFrame:
    """How the cost of an iteration and seed grows with seeds, hidden sizes and batch, once each; beside the floor.

    The floor, the products alone, is measured anew beside each, as other work may slow both down.
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
        floor = measure("products", folder, 1, device, **options)["measured"]
        rows.append(
            {"axis": axis, **setting}
            | {
                name: seconds / iterations / epochs / setting["seeds"] * 1e6
                for name, seconds in (("microseconds", result["seconds"]), ("floor", floor))
            }
        )
    return pd.DataFrame(rows)


def describe(data: Path, device: str) -> pd.DataFrame:
    """One row: when and on what this is measured, with which versions and which commit; the rate of products of large
    squares, and µs an iteration and seed of the products of five seeds alone."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True)
    row = {
        "date": str(date.today()),
        "hardware": f"{device_name(torch.device(device))}, {os.cpu_count()} cores seen",
        "versions": versions(),
        "commit": commit.stdout.strip() or "unknown",
        "command": " ".join(map(str, ["benchmarks/run.py", *sys.argv[1:]])),
        "gflops": measure("matrix_rate", data, 1, device)["measured"],
        "products": measure("products", data, 1, device, seeds=5)["measured"] / (ITERATIONS * 5) * 1e6,
    }
    return pd.DataFrame([row])


def versions() -> str:
    found = []
    for package in ("torch", "jax", "numpy"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return ", ".join([*found, f"Python {platform.python_version()}"])


def turns_with_jax(turns: pd.DataFrame) -> list[str]:
    """The Markdown lines of the run in turn with JAX."""
    seconds = turns.pivot(index="repeat", columns="peer", values="seconds")
    if "jax_scan" not in seconds:
        return []
    ratio, medians = seconds["descent"] / seconds["jax_scan"], seconds.median()
    return [
        f"Five seeds, {turns['epochs'].iloc[0]} epochs, one thread: Descent takes **{ratio.median():.2f} times**",
        f"what JAX takes (median of {len(ratio)} pairs in turn, {ratio.min():.2f} to {ratio.max():.2f}; medians "
        f"{medians['descent']:.3g} s and {medians['jax_scan']:.3g} s).",
        "",
    ]


def table(comparison: pd.DataFrame, setting: dict) -> list[str]:
    """The lines of the Markdown table, with ratios to Descent."""
    lines = [
        "| | threads | seeds | times Descent | µs an iteration and seed (least to most) | of the limit | memory, MB "
        "| accuracy, % |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    limit = setting["products"]
    medians = comparison.groupby(["threads", "peer", "seeds"], sort=False)["microseconds"].median()
    for (threads, peer, seeds), rows in comparison.groupby(["threads", "peer", "seeds"], sort=False):
        ours = medians[threads, "descent"]
        median, microseconds = medians[threads, peer, seeds], rows["microseconds"]
        lines.append(
            f"| {peer} | {threads} | {seeds} | {median / ours.get(seeds, ours.iloc[0]):.2f} | {digits(median)} "
            f"({digits(microseconds.min())} to {digits(microseconds.max())}) | {limit / threads / median:.0%} "
            f"| {rows['memory'].max():.0f} | {rows['accuracy_of_seed_0'].mean():.2%} |"
        )
    epochs = ", ".join(f"{n} of {peer}" for peer, n in comparison.groupby("peer")["epochs"].first().items())
    lines += [
        "",
        f"The limit: the eight matrix products of an iteration alone take {digits(limit)} µs, of five seeds with one",
        "thread. Times Descent: at the same number of seeds, or at",
        "Descent's first; a peer that trains one seed would train several one after another. Memory is the process's",
        "on the host. Accuracy is that of seed 0 on the test set, after these",
        f"epochs: {epochs}. Descent and JAX test all seeds after each epoch, within their time; the others do not.",
    ]
    return lines


def digits(microseconds: float) -> str:
    return f"{microseconds:.0f}" if microseconds >= 100 else f"{microseconds:.3g}"


def plot(growth: pd.DataFrame, hardware: str) -> Figure:
    figure = Figure(figsize=(12, 4), layout="constrained")
    for panel, axis in zip(figure.subplots(1, 3), ("seeds", "hidden", "batch")):
        rows = growth[growth["axis"] == axis]
        panel.plot(rows[axis], rows["microseconds"], "o-", color=COLOURS[0], label="Descent")
        panel.plot(rows[axis], rows["floor"], "--", color=COLOURS[3], label="matrix products alone")
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.xaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_major_formatter("{x:g}")
        panel.set_xlabel({"seeds": "seeds in a job", "hidden": "hidden units", "batch": "batch size"}[axis])
        panel.grid(alpha=0.3, which="both")
    figure.axes[0].set(ylabel="µs an iteration and seed", yscale="linear", ylim=(0, None))
    figure.axes[0].legend()
    figure.suptitle(f"else: 5 seeds, 784-100-100-10, batch 128; {hardware}", fontsize=10)
    return figure


def default_output(device: str) -> Path:
    """The folder of today's results on this processor or card."""
    processor = re.sub(r"\W+", "-", device_name(torch.device(device)))
    return HERE / "results" / f"{date.today()}-{processor}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", choices=PLANS, default="cpu")
    parser.add_argument("--threads", type=int, nargs="+", help="one comparison for each (default: 1 2, or 1 on a GPU)")
    parser.add_argument("--epochs", type=int, default=20, help="of the run in turn with JAX")
    parser.add_argument("--most-seeds", type=int, default=1024)
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/DATE-PROCESSOR")
    peers = list(dict.fromkeys(peer for plan in PLANS.values() for peer, *_ in plan))
    parser.add_argument("--peers", nargs="+", choices=peers, default=peers, help="whom to measure (default: all)")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="what to measure anew (default: all)")
    arguments = parser.parse_args()
    device = arguments.device
    threads = arguments.threads or ([1, 2] if device == "cpu" else [1])
    output = arguments.output or default_output(device)
    output.mkdir(parents=True, exist_ok=True)

    with TemporaryDirectory() as folder:
        data = Path(folder)
        write_data(data, HIDDEN, max(seeds for _, seeds, _ in PLANS[device]))
        parts = {
            "setting": lambda: describe(data, device),
            "measurements": lambda: pd.concat(
                [compare(data, arguments.peers, arguments.repeats, n, device) for n in threads]
            ),
            "in_turn": lambda: in_turn(data, arguments.repeats, arguments.epochs, device),
            "growth": lambda: grow(data, arguments.most_seeds, device),
        }
        for part in arguments.parts:
            parts[part]().to_csv(output / f"{part}.csv", index=False, float_format="%.4g")

    found = {
        part: pd.read_csv(output / f"{part}.csv", dtype={"commit": str})
        for part in PARTS
        if (output / f"{part}.csv").exists()
    }
    if {"setting", "growth"} <= found.keys():
        setting = found["setting"].iloc[0]
        plot(found["growth"], setting["hardware"]).savefig(output / "growth.svg", metadata={"Date": None})
    if {"setting", "measurements"} <= found.keys():
        setting = found["setting"].iloc[0]
        lines = [f"{setting['date']}, {setting['hardware']}; {setting['versions']}; commit {setting['commit']}.", ""]
        lines += turns_with_jax(found["in_turn"]) if "in_turn" in found else []
        text = "\n".join(lines + table(found["measurements"], setting)) + "\n"
        (output / "table.md").write_text(text)
        print(text)


if __name__ == "__main__":
    main()
