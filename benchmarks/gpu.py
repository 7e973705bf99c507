"""Is Descent right on this machine's GPU, and how fast is its loop there? `make gpu`.

Runs the workflow on the GPU, its trainings once more, and the workflow on the CPU, each in a folder of its own. Then
run.py measures the loop beside eager and compiled PyTorch. Writes right.csv, with one row per variant, and what run.py
writes into benchmarks/results/DATE-CARD/. Ends with 1 if two trainings on the GPU differ, or a test accuracy differs
from the CPU's by more than the CPU's standard deviation over seeds.
"""

import argparse
import filecmp
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import torch
import yaml
from run import HERE, default_output  # it makes Python find descent

# isort: split
from descent.devices import prepare
from descent.runs import read_table

REPOSITORY = HERE.parent
MNIST = REPOSITORY / "resources/mnist.safetensors"
# What a training writes, but for run.json, which has its seconds.
TRAINING = ["training.csv", "evaluation.csv", "parameters.safetensors", ".intermediate/predictions.safetensors"]
SUMMARY, TWINS = "results/summary.csv", "results/twins.csv"


def run_workflow(folder: Path, config: dict, device: str, targets: list[str]) -> float:
    """Run the workflow up to the targets in ``folder``, with this checkout's MNIST; the seconds that it took."""
    (folder / "resources").mkdir(parents=True)
    shutil.copy(MNIST, folder / "resources")
    config = config | {"device": device, "data": {"source": None}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    start = time.perf_counter()
    command = ["--snakefile", REPOSITORY / "Snakefile", "--directory", folder, "--cores", "all", "--resources", "gpu=1"]
    subprocess.run([sys.executable, "-m", "snakemake", *targets, *map(str, command)], check=True)
    return time.perf_counter() - start


def compare(first: Path, second: Path, cpu: Path) -> pd.DataFrame:
    """One row per variant: are two runs on the device equal, and how far is the first from the CPU's?

    ``first_100_apart`` is the largest difference of a loss, in nats, in the first 100 minibatches of all seeds.
    """
    key = ["network", "variant"]
    columns = [*key, "test_accuracy_mean", "test_accuracy_std"]
    ours, theirs = (read_table(run / SUMMARY)[columns] for run in (first, cpu))
    rows = ours.merge(theirs, on=key, suffixes=("", "_cpu"), validate="1:1")
    folders = [Path("results") / network / variant for network, variant in zip(rows["network"], rows["variant"])]
    rows["same_bytes"] = [are_equal(first / folder, second / folder) for folder in folders]
    difference = (rows["test_accuracy_mean"] - rows["test_accuracy_mean_cpu"]).abs()
    rows["within_std"] = difference <= rows["test_accuracy_std_cpu"]
    rows["first_100_apart"] = [(losses(first / folder) - losses(cpu / folder)).abs().max() for folder in folders]
    for run, suffix in ((first, ""), (cpu, "_cpu")):
        twins = read_table(run / TWINS).rename(columns={"custom": "variant", "verdict": f"twin{suffix}"})
        rows = rows.merge(twins[[*key, f"twin{suffix}"]], on=key, how="left")
    return rows


def are_equal(folder: Path, other: Path) -> bool:
    """Whether two trainings wrote the same bytes."""
    return all(filecmp.cmp(folder / name, other / name, shallow=False) for name in TRAINING)


def losses(folder: Path) -> pd.Series:
    """The losses of a training's first 100 minibatches, by seed and iteration."""
    training = pd.read_csv(folder / "training.csv")
    return training[training["iteration"] < 100].set_index(["seed", "iteration"])["loss"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Other options are run.py's, as --repeats and --peers.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/DATE-CARD")
    arguments, options = parser.parse_known_args()
    device = arguments.device
    prepare(torch.device(device), 1)
    if not MNIST.exists():
        raise SystemExit(
            "resources/mnist.safetensors is not there: run `snakemake --cores 1` with this config.yaml first"
        )
    output = arguments.output or default_output(device)
    output.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())

    with TemporaryDirectory() as name:
        first, second, cpu = (Path(name) / run for run in ("first", "second", "cpu"))
        seconds = [run_workflow(first, config, device, [SUMMARY, TWINS])]
        trainings = [str(file.relative_to(first)) for file in first.glob("results/*/*/training.csv")]
        seconds += [run_workflow(second, config, device, trainings), run_workflow(cpu, config, "cpu", [SUMMARY, TWINS])]
        right = compare(first, second, cpu)
    right.to_csv(output / "right.csv", index=False, float_format="%.4g")
    print(right.to_string(index=False))
    print("seconds: the workflow {:.0f}, its trainings again {:.0f}, on the CPU {:.0f}".format(*seconds))

    measured = ["--parts", "setting", "measurements", "--threads", "1", "--repeats", "2"]
    measured += ["--peers", "descent", "eager", "torch_compile"]
    command = [HERE / "run.py", "--device", device, "--output", output, *measured, *options]
    run = subprocess.run([sys.executable, *map(str, command)])
    if not (right["same_bytes"] & right["within_std"]).all():
        raise SystemExit(f"{output / 'right.csv'}: two trainings differ, or an accuracy by more than the CPU's std")
    sys.exit(run.returncode)


if __name__ == "__main__":
    main()
