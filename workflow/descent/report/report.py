"""Write the experiment's page, one self-contained HTML file, and the answer in Markdown."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from descent import sentences, tables
from descent.experiment import studies
from descent.experiment.variants import figures, in_full
from descent.files import write_json, write_text
from descent.report.page import TEMPLATES, data_uri, to_markdown, write_page
from descent.run import Run, read_table
from descent.step import command_line

PACKAGES = ["snakemake", "pandas", "matplotlib", "torchvision", "safetensors"]
TABLES = ["initial", "summary", "differences", "targets", "optimizers", "twins", "reproduction", "published"]


def revision() -> dict[str, Any] | None:
    """The commit of this checkout, and whether its files were changed since; None if git cannot say."""

    def git(*words: str) -> str:
        return subprocess.check_output(["git", "-C", str(TEMPLATES), *words], stderr=subprocess.DEVNULL, text=True)

    try:
        return {"commit": git("rev-parse", "HEAD").strip(), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def main() -> None:
    parser = command_line(__doc__, "Writes report.html, summary.md and experiment.json (config, versions).")
    parser.add_argument("--config", type=json.loads, required=True, metavar="JSON", help="the experiment, as JSON")
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    arguments = parser.parse_args()
    config, results = arguments.config, arguments.results

    data = {name: read_table(results / f"{name}.csv") for name in TABLES}
    names = [dict.fromkeys(data["summary"][kind]) for kind in ("network", "variant")]  # in the order of config.yaml
    networks, variants = (
        {name: config[kind][name] for name in its} for kind, its in zip(("networks", "variants"), names)
    )
    records = {
        (network, variant): Run(results / network / variant).record for network in networks for variant in variants
    }
    asked = studies.studies(config)
    for (network, variant), record in records.items():
        if wrong := studies.contradiction(asked[network], variant, record):
            sys.exit(f"{results / network / variant} is not of this config.yaml: {wrong}. Delete it and run again.")
    twins, optimizers = data["twins"], data["optimizers"]
    alone = [name for name in variants if f"{name}/curves" in figures(variants)]
    answer = sentences.answer(data["summary"], data["differences"], optimizers, twins, data["reproduction"])
    versions = {package: version(package) for package in PACKAGES}

    code, (runs, common) = revision(), tables.runs(records)
    write_json(results / "experiment.json", {"config": config, "code": code, "versions": versions})
    summary = tables.summary(data["summary"])
    write_text(results / "summary.md", to_markdown(answer, summary[tables.SHORT]))
    write_page(
        results / "report.html",
        "report.html.j2",
        answer=answer,
        trained=sentences.trained({name: in_full(its) for name, its in networks.items()}, next(iter(records.values()))),
        rules=" ".join(sentences.rules(optimizers, twins)),
        twins=[sentences.twins(row) for row in twins.to_dict("records")],
        reproduces=[
            sentences.reproduces(network, rows) for network, rows in data["reproduction"].groupby("network", sort=False)
        ],
        lab=tables.lab(variants, records, data["initial"], data["summary"], twins),
        summary=summary,
        differences=tables.differences(data["differences"]),
        matrices=tables.matrices(data["differences"]),
        targets=tables.targets(data["targets"], data["summary"]),
        optimizers=tables.optimizers(optimizers),
        wrong_settings=tables.wrong_settings(optimizers),
        published=tables.published(data["published"]),
        runs=runs,
        common=", ".join(f"{name} {value}" for name, value in common.items()),
        versions=versions,
        code=code,
        config_yaml=yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100),
        shuffle=config["training"]["shuffle"],
        networks={
            network: {
                "curves": Markup(
                    (results / network / ".intermediate/curves.json")
                    .read_text(encoding="utf-8")
                    .replace("<", "\\u003c")
                ),
                "images": {
                    name: data_uri(results / network / f".intermediate/{name}.svg") for name in ("curves", "test")
                },
                "alone": {name: data_uri(results / network / f".intermediate/{name}/curves.svg") for name in alone},
                "apart": {
                    f"{row['custom']}+{row['torch']}": data_uri(
                        results / network / f".intermediate/{row['custom']}+{row['torch']}.svg"
                    )
                    for row in twins[twins["network"] == network].to_dict("records")
                    if row["verdict"] != "identical"
                },
            }
            for network in networks
        },
    )


if __name__ == "__main__":
    main()
