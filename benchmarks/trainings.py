"""Trainings that a benchmark asks for, made by Descent's own workflow: one that is stopped goes on where it was."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from descent.run import Run

REPOSITORY = Path(__file__).parents[1]
FOLDER = Path(__file__).with_name(".trainings")  # of all studies, each with its config.yaml and its results
SMALL = [50, 50]  # hidden units, as in the lab's code


def trained(
    study: str, seeds: range, variants: Mapping[str, Any], hidden: list[int] = SMALL, **training: Any
) -> dict[str, Run]:
    """Train ``variants``, as in config.yaml; ``training`` is what is not as in the repository's config.yaml."""
    folder = FOLDER / study
    (folder / "resources").mkdir(parents=True, exist_ok=True)
    mnist = folder / "resources/mnist.safetensors"
    mnist.unlink(missing_ok=True)
    mnist.hardlink_to(REPOSITORY / "resources/mnist.safetensors")
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))
    del config["sweep"]
    config |= {"seeds": list(seeds), "networks": {"network": hidden}, "device": "cpu"}
    config |= {"training": config["training"] | training}
    config |= {"variants": {name: {"implementation": "custom"} | its for name, its in variants.items()}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    runs = {name: Run(folder / "results/network" / name) for name in variants}
    wanted = [str((run.folder / "run.json").relative_to(folder)) for run in runs.values()]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--profile", str(REPOSITORY / "profiles/default"), "--directory", str(folder), "--cores", "1"]
    subprocess.run([*command, *wanted], check=True, stdout=sys.stderr)
    return runs


def print_setting(runs: Mapping[str, Run]) -> None:
    """On what was measured, and when."""
    record = next(iter(runs.values())).record
    print(f"{record['processor']}, PyTorch {record['torch']}, {date.today()}\n")
