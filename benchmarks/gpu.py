"""Is Descent right on this machine's GPU, and how fast is its loop there? `make gpu`.

Runs the workflow on the GPU, its trainings once more, and the workflow on the CPU, each in a folder of its own. Then
run.py measures the loop beside eager and compiled PyTorch. Writes right.csv, with one row per variant, and what run.py
writes into benchmarks/results/DATE-CARD/. Ends with 1 if two trainings on the GPU differ, or a test accuracy differs
from the CPU's by more than the CPU's standard deviation over seeds.
"""

import argparse
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
from descent.compare import compare_twins
from descent.compare.summarize import summarized
from descent.run import Run
from descent.train.device import prepare

REPOSITORY = HERE.parent
MNIST = REPOSITORY / "resources/mnist.safetensors"
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

    The distances from the CPU's are those of twins.csv.
    """
    key = ["network", "variant"]
    accuracy = ["test_accuracy_mean", "test_accuracy_std"]
    of_first, of_cpu = (summarized(run / "results").set_index(key)[accuracy] for run in (first, cpu))
    rows = of_first.join(of_cpu.add_suffix("_cpu"), validate="1:1")
    difference = (rows["test_accuracy_mean"] - rows["test_accuracy_mean_cpu"]).abs()
    rows["within_std"] = difference <= rows["test_accuracy_std_cpu"]
    found = []
    for network, variant in rows.index:
        one, again, on_cpu = (Run(run / "results" / network / variant) for run in (first, second, cpu))
        same = one.record["sha256"] == again.record["sha256"]
        found.append({"same_bytes": same} | compare_twins.distances(one, on_cpu))
    rows = rows.join(pd.DataFrame(found, rows.index))
    for run, suffix in ((first, ""), (cpu, "_cpu")):
        twins = compare_twins.compared(run / "results").rename(columns={"custom": "variant"}).set_index(key)["verdict"]
        rows = rows.join(twins.rename(f"twin{suffix}"))
    return rows.reset_index()


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
