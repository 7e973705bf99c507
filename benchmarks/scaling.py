"""Measure what Snakemake itself costs in large sweeps: `python benchmarks/scaling.py`, in an environment with Descent.

For sweeps of 10 to 10,000 jobs: time and memory of planning them all (`--dry-run`), and, up to 1,000 jobs, of finding
that nothing is left to do. Nothing is trained: results that were made up stand for those of the jobs, and
`snakemake --touch` records them as finished. Writes scaling.csv into benchmarks/results/DATE/.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from descent.files import write_json  # noqa: E402
from descent.sweep import settings, trials  # noqa: E402

FILES = (
    "training.csv",
    "evaluation.csv",
    "parameters.safetensors",
    "predictions.safetensors",
    "run.json",
    "train.benchmark.tsv",
)


def snakemake(folder: Path, *words: str) -> tuple[float, float, str]:
    """Run `snakemake sweep`; its seconds, the most memory that it had in MB, and what it printed."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "sweep", "--cores", "1", "--workflow-profile", "none", *words]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(output[-3000:])
    return time.perf_counter() - start, usage.ru_maxrss / 1024, output


def made_up_results(folder: Path, sweep: dict) -> None:
    """The files that a sweep's trials and final runs would leave, the first trial chosen."""
    results = folder / "results/sweep"
    stages = {"trials": trials(sweep["optimizers"]), "final": list(settings(sweep["optimizers"]))[:2]}
    names = [f"{sweep['network']}/{stage}/initial.{form}" for stage in stages for form in ("safetensors", "csv")]
    for stage, its in stages.items():
        names += [f"{sweep['network']}/{stage}/{setting}/{file}" for setting in its for file in FILES]
    names += [f"{name}.csv" for name in ("trials", "ranking", "budget", "targets")] + [
        "experiment.json",
        "../sweep.html",
    ]
    names += [f"{figure}.{form}" for figure in ("budget", "sensitivity", "heat_map_sgd") for form in ("svg", "png")]
    for path in [folder / "resources/mnist.safetensors", *(results / name for name in names)]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write_json(results / "choices.json", {"sgd": stages["trials"][0]})


def measure(points: int) -> dict:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("Snakefile", "workflow", "config.yaml"):
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
        config = yaml.safe_load((folder / "config.yaml").read_text())
        grid = {"optimizer": "sgd", "lr": {"log10": [-3, 0], "points": points // 2}, "momentum": [0, 0.9]}
        config["sweep"]["optimizers"] = {"sgd": grid}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        plan, memory, _ = snakemake(folder, "--dry-run", "--quiet")
        row = {"jobs": points, "plan_s": plan, "plan_mb": memory}
        if points > 1000:  # to record the jobs as finished takes a tenth of a second each
            return row
        made_up_results(folder, config["sweep"])
        snakemake(folder, "--touch", "--quiet")
        nothing, memory, output = snakemake(folder, "--dry-run")
        assert "Nothing to be done" in output, output[-2000:]
    return row | {"nothing_to_do_s": nothing, "nothing_to_do_mb": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[10, 100, 1000, 10000])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / str(date.today()))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for points in arguments.jobs:
        rows.append(measure(points))
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
        pd.DataFrame(rows).to_csv(arguments.output / "scaling.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
