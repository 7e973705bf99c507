"""Write the experiment's page: one self-contained HTML file."""

import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import yaml
from markupsafe import Markup

from descent.files import write_json, write_text
from descent.page import Sourced, data_uri, load, write_page
from descent.runs import Run
from descent.steps import command_line

PACKAGES = ["snakemake", "pandas", "matplotlib", "torchvision", "safetensors"]


def add_up_benchmarks(results: Path, config: dict, trained: float) -> pd.DataFrame:
    """Time and memory of each rule's jobs, measured by Snakemake: one row per rule.

    ``memory`` is the largest of a job, in MB; null if all jobs ended before Snakemake looked. The networks and
    variants are those of ``config``; ``trained`` is the training time within the `train` jobs, in seconds.
    """
    folders = [results, *(results / network for network in config["networks"])]
    folders += [results / network / variant for network in config["networks"] for variant in config["variants"]]
    measured = [
        pd.read_csv(file, sep="\t", na_values="-").assign(rule=file.name.removesuffix(".benchmark.tsv"))
        for folder in folders
        for file in sorted(folder.glob("*.benchmark.tsv"))
    ]
    if not measured:
        return pd.DataFrame(columns=["rule", "jobs", "seconds", "training", "memory"])
    jobs = pd.concat(measured).groupby("rule", sort=False)
    table = jobs.agg(jobs=("s", "size"), seconds=("s", "sum"), memory=("max_rss", "max")).sort_values("seconds")
    table = table[::-1].reset_index()
    return table.assign(training=table["rule"].map({"train": trained}))


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes report.html, experiment.json (config, versions) and steps.json (each rule's time and memory).",
    )
    parser.add_argument("--config", type=json.loads, required=True, metavar="JSON", help="the experiment, as JSON")
    parser.add_argument("--figures", type=json.loads, required=True, metavar="JSON", help="the variants of each figure")
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    arguments = parser.parse_args()
    config, results = arguments.config, arguments.results

    versions = {package: version(package) for package in PACKAGES}
    runs = {
        (network, variant): Sourced(Run(results / network / variant).record, f"{network}/{variant}/run.json")
        for network in config["networks"]
        for variant in config["variants"]
    }
    write_json(results / "experiment.json", {"config": config, "versions": versions})
    steps = add_up_benchmarks(results, config, sum(run["seconds"].value for run in runs.values()))
    write_text(results / "steps.json", steps.to_json(orient="records", indent=2) + "\n")
    verdicts = pd.read_csv(results / "verdicts.csv")
    identical = verdicts[verdicts["verdict"] == "identical"]
    shown = [*arguments.figures, "test", *(f"{variant}/mistakes" for variant in config["variants"])]

    tables = ("initial", "summary", "best", "differences", "rules", "rule_verdicts", "verdicts")
    tables += ("reproduction", "estimates")
    write_page(
        results / "report.html",
        "report.html.j2",
        experiment=load(results / "experiment.json", results),
        config_yaml=yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100),
        steps=load(results / "steps.json", results),
        **{table: load(results / f"{table}.csv", results) for table in tables},
        progress=load(results / "progress.json", results),
        runs=runs,
        doubles=set(zip(identical["network"], identical["torch"])),  # the page shows each picture once
        figures=arguments.figures,
        images={
            (network, figure): data_uri(results / network / f"{figure}.svg")
            for network in config["networks"]
            for figure in shown
        },
        curves={
            network: Markup((results / network / "curves.json").read_text(encoding="utf-8").replace("<", "\\u003c"))
            for network in config["networks"]
        },
        published_image=data_uri(results / "published.svg"),
    )


if __name__ == "__main__":
    main()
