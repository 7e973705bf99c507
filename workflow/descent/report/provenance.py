"""How it was run: each training's run.json, the code, the versions, and config.yaml."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from descent.experiment.studies import contradiction, studies
from descent.experiment.variants import CONSTANT, in_words
from descent.report.page import TEMPLATES
from descent.run import Run
from descent.words import Row, Section

PACKAGES = ["snakemake", "pandas", "matplotlib", "torchvision", "safetensors"]


def read_records(config: Mapping[str, Any], results: Path, trained: Iterable[tuple[str, str]]) -> dict[tuple, Row]:
    """The run.json of some studies' variants; SystemExit, with one line, if one is not of this config."""
    asked, records = studies(config), {}
    for study, variant in trained:
        record = records[study, variant] = Run(results / study / variant).record
        if wrong := contradiction(asked[study], variant, record):
            sys.exit(f"{results / study / variant} does not fit config.yaml: {wrong}. Delete it and run again.")
    return records


def revision() -> dict[str, str | bool] | None:
    """The commit of this checkout, and whether its files were changed since; None if git cannot say."""

    def git(*words: str) -> str:
        return subprocess.check_output(["git", "-C", str(TEMPLATES), *words], stderr=subprocess.DEVNULL, text=True)

    try:
        return {"commit": git("rev-parse", "HEAD").strip(), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def experiment(config: Mapping[str, Any], records: Mapping[tuple, Row]) -> dict[str, Any]:
    """What experiment.json has: the config, the commit, the versions and the processors."""
    trained = {
        key: ", ".join(sorted({record[key] for record in records.values() if record[key]}))
        for key in ("torch", "python", "package", "processor")
    }
    versions = {package: version(package) for package in PACKAGES}
    return {"config": config, "code": revision(), "versions": versions, "trained_with": trained}


def sections(records: Mapping[tuple, Row], its: Mapping[str, Any]) -> list[Section]:
    """What all trainings have in common, what they have not, and the ``experiment``."""
    rows = []
    for (network, variant), record in records.items():
        shuffled = ", shuffled" if record["shuffle"] else ""
        schedule = {name: record[name] for name in CONSTANT if record[name] != CONSTANT[name]}
        trained = f"{record['implementation']} {record['optimizer']}, {in_words(record['hyperparameters'] | schedule)}"
        trained += f" ({record['package']})" if record["package"] else ""
        rows.append(
            {"network": network, "variant": variant, "trained with": trained}
            | {"hidden": "-".join(map(str, record["hidden"])) + f", {record['activation']}"}
            | {"epochs": record["epochs"], "minibatch": f"{record['batch_size']}{shuffled}"}
            | {"device": record["processor"], "PyTorch": record["torch"], "Python": record["python"]}
        )
    table = pd.DataFrame(rows)
    common = [name for name in table if name not in ("network", "variant") and table[name].nunique() == 1]
    shared = ", ".join(f"{name} {table[name].iloc[0]}" for name in common)
    others = ", ".join(f"{package} {its['versions'][package]}" for package in PACKAGES)
    changed = ", and files had been changed since" if its["code"] and its["code"]["changed"] else ""
    commit = [f"Descent's commit was `{its['code']['commit']}`{changed}."] if its["code"] else []
    return [
        Section(
            "How it was run",
            sentences=[
                *commit,
                "Each `run.json` has everything that made a training, with the text of its update rule.",
            ],
            table=table.drop(columns=common),
            caption=f"All: {shared}. Other packages: {others}.",
            file="NETWORK/VARIANT/run.json",
            folded="Each training",
        ),
        Section(
            lead="With the same commit, `config.yaml`, command, versions and kind of processor, every CSV has the same "
            "bytes.",
            listing=yaml.safe_dump(its["config"], sort_keys=False, default_flow_style=None, width=100),
            folded="config.yaml",
        ),
    ]
