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

from descent.files import write_csv  # noqa: E402
from descent.sweep import jobs  # noqa: E402


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
    """The files that a sweep's jobs would leave."""
    for job, (point, *_) in jobs(sweep).items():
        target = folder / "results/sweep" / job / "evaluation.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_csv(
            target, [*point, "seed", "epoch", "loss", "accuracy", "diverged"], [[*point.values(), 0, 0, 1, 0.5, ""]]
        )
    names = ["results/sweep.html", "resources/mnist.safetensors", "results/sweep/overview.json"]
    names += [f"results/sweep/{name}" for name in ("runs.csv", "summary.csv", "initial.csv", "initial.safetensors")]
    names += [f"results/sweep/{figure}.{form}" for figure in ("heat_map", "sensitivity") for form in ("svg", "png")]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def measure(points: int) -> dict:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("Snakefile", "workflow", "config.yaml"):
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["sweep"] |= {"lr": {"log10": [-3, 0], "points": points // 2}, "momentum": [0, 0.9], "points_per_job": 1}
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
