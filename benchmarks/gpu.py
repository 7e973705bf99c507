"""Is Descent right on this machine's GPU, and how fast is its loop there? `make gpu`, in some ten minutes.

Runs the workflow twice on the GPU and once on the CPU, each in a folder of its own, and compares them: the bytes of the
two runs, test accuracies and the verdicts on twins with the CPU's. Then run.py measures the loop beside eager and
compiled PyTorch. Writes right.csv, and what run.py writes, into benchmarks/results/DATE-CARD/. Ends with 1 if the runs
differ, or an accuracy by more than the CPU's standard deviation over seeds.
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
import yaml
from run import HERE, default_output

REPOSITORY = HERE.parent
# What a training writes, but for run.json, which has its seconds.
TRAINING = ["training.csv", "evaluation.csv", "parameters.safetensors", ".intermediate/predictions.safetensors"]
SUMMARY, TWINS = "results/summary.csv", "results/twins.csv"


def run_workflow(folder: Path, config: dict, device: str, targets: list[str]) -> float:
    """Run the workflow up to the targets in ``folder``, with this checkout's MNIST; the seconds that it took."""
    (folder / "resources").mkdir(parents=True)
    shutil.copy(REPOSITORY / "resources/mnist.safetensors", folder / "resources")
    (folder / "config.yaml").write_text(yaml.safe_dump(config | {"device": device}, sort_keys=False))
    start = time.perf_counter()
    command = ["--snakefile", REPOSITORY / "Snakefile", "--directory", folder, "--cores", "all", "--resources", "gpu=1"]
    subprocess.run([sys.executable, "-m", "snakemake", *targets, *map(str, command)], check=True)
    return time.perf_counter() - start


def compare(first: Path, second: Path, cpu: Path) -> pd.DataFrame:
    """One row per variant: are two runs on the device equal, and how far is the first from the CPU's?"""
    key = ["network", "variant"]
    columns = [*key, "test_accuracy_mean", "test_accuracy_std"]
    ours, theirs = (pd.read_csv(run / SUMMARY)[columns] for run in (first, cpu))
    rows = ours.merge(theirs, on=key, suffixes=("", "_cpu"), validate="1:1")
    folders = [Path("results") / network / variant for network, variant in zip(rows["network"], rows["variant"])]
    rows.insert(2, "same_bytes", [are_equal(first / folder, second / folder) for folder in folders])
    difference = (rows["test_accuracy_mean"] - rows["test_accuracy_mean_cpu"]).abs()
    rows["within_cpus_std"] = difference <= rows["test_accuracy_std_cpu"]
    for run, suffix in ((first, ""), (cpu, "_cpu")):
        twins = pd.read_csv(run / TWINS).rename(columns={"custom": "variant", "verdict": "twin" + suffix})
        rows = rows.merge(twins[[*key, "twin" + suffix]], on=key, how="left")
    return rows


def are_equal(folder: Path, other: Path) -> bool:
    """Whether two trainings wrote the same bytes."""
    return all(filecmp.cmp(folder / name, other / name, shallow=False) for name in TRAINING)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Other options are run.py's, as --repeats and --peers.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/DATE-CARD")
    arguments, options = parser.parse_known_args()
    device, output = arguments.device, arguments.output or default_output(arguments.device)
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
    print("seconds: {:.0f}, the trainings again {:.0f}, all on the CPU {:.0f}".format(*seconds))

    measured = ["--parts", "setting", "measurements", "--threads", "1", "--repeats", "2"]
    command = [HERE / "run.py", "--device", device, "--output", output, *measured, *options]
    subprocess.run([sys.executable, *map(str, command)], check=True)
    if not (right["same_bytes"] & right["within_cpus_std"]).all():
        raise SystemExit(f"{output / 'right.csv'}: the two runs differ, or an accuracy by more than the CPU's std")


if __name__ == "__main__":
    main()
