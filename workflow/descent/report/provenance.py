"""How it was run: each training's run.json, the code and the versions."""

import subprocess
from collections.abc import Mapping
from importlib.metadata import version

import pandas as pd

from descent.experiment.variants import CONSTANT, in_words
from descent.report.page import TEMPLATES
from descent.words import Row, Section

PACKAGES = ["snakemake", "pandas", "matplotlib", "torchvision", "safetensors"]


def versions() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}


def revision() -> dict[str, str | bool] | None:
    """The commit of this checkout, and whether its files were changed since; None if git cannot say."""

    def git(*words: str) -> str:
        return subprocess.check_output(["git", "-C", str(TEMPLATES), *words], stderr=subprocess.DEVNULL, text=True)

    try:
        return {"commit": git("rev-parse", "HEAD").strip(), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def sections(records: Mapping[tuple[str, str], Row], config_yaml: str) -> list[Section]:
    """What all trainings have in common, what they have not, the commit, and config.yaml."""
    rows = []
    for (network, variant), record in records.items():
        shuffled = ", shuffled" if record["shuffle"] else ""
        schedule = {name: record[name] for name in CONSTANT if record[name] != CONSTANT[name]}
        its = f"{record['implementation']} {record['optimizer']}, {in_words(record['hyperparameters'] | schedule)}"
        its += f" ({record['package']})" if record["package"] else ""
        rows.append(
            {"network": network, "variant": variant, "trained with": its, "epochs": record["epochs"]}
            | {"minibatch": f"{record['batch_size']}{shuffled}", "device": record["device"]}
            | {"PyTorch": record["torch"], "Python": record["python"]}
        )
    table = pd.DataFrame(rows)
    common = [name for name in table if name not in ("network", "variant") and table[name].nunique() == 1]
    shared = ", ".join(f"{name} {table[name].iloc[0]}" for name in common)
    others = ", ".join(f"{package} {its}" for package, its in versions().items())
    code = revision()
    changed = ", and files had been changed since" if code and code["changed"] else ""
    commit = [f"Descent's commit was `{code['commit']}`{changed}."] if code else []
    return [
        Section(
            "How it was run",
            sentences=[*commit, "Each `run.json` has the text of its update rule."],
            table=table.drop(columns=common),
            caption=f"All: {shared}. Other packages: {others}.",
            file="NETWORK/VARIANT/run.json",
            folded="Each training",
        ),
        Section(
            lead="This was `config.yaml`. In a clone of Descent with this file, `make` repeats the experiment: with "
            "the same versions and the same kind of processor, every CSV has the same bytes.",
            listing=config_yaml,
            folded="config.yaml",
        ),
    ]
