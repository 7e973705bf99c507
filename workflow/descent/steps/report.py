"""Write the page that tells the experiment: one self-contained HTML file."""

import argparse
import base64
import json
import math
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from descent.files import written_whole

PACKAGES = ["snakemake", "pandas", "matplotlib", "torchvision", "safetensors"]


class Sourced:
    """A value read from a file, which remembers the file and where in it the value stands.

    So every number on the page says where it comes from, and the page has no others.
    """

    def __init__(self, value: Any, source: str) -> None:
        self.value, self.source = value, source

    def __getitem__(self, key: str | int) -> "Sourced":
        return Sourced(self.value[key], f"{self.source}/{key}")

    def __iter__(self) -> Iterator["Sourced"]:
        return (self[key] for key in (self.value if isinstance(self.value, dict) else range(len(self.value))))

    @property
    def missing(self) -> bool:
        return self.value is None or (isinstance(self.value, float) and math.isnan(self.value))


def show(sourced: Sourced, form: str = "{}", scale: float = 1) -> Markup:
    """A value as an HTML ``data`` element: formatted for people, with the exact value and its source."""
    text = form.format(sourced.value * scale if scale != 1 else sourced.value)
    return Markup('<data value="{}" data-source="{}">{}</data>').format(sourced.value, sourced.source, text)


def load(file: Path, results: Path) -> Sourced:
    """Read a CSV (as a list of rows) or JSON file of the results."""
    value = pd.read_csv(file).to_dict("records") if file.suffix == ".csv" else json.loads(file.read_text())
    return Sourced(value, file.relative_to(results).as_posix())


def add_up_benchmarks(results: Path, config: dict) -> pd.DataFrame:
    """Time and memory of each rule's jobs, as Snakemake measured them: a row a rule that works on the results.

    ``memory`` is the most that one job had, in MB; null where all jobs ended before Snakemake looked. The networks
    and variants are those of ``config``; this step itself is not among the rules, as it has not ended yet.
    """
    folders = [results, *(results / network for network in config["networks"])]
    folders += [results / network / "initial" for network in config["networks"]]
    runs = [results / network / variant for network in config["networks"] for variant in config["variants"]]
    files = [file for folder in folders + runs for file in folder.glob("*.benchmark.tsv")]
    files += [file for folder in runs for file in folder.glob("seeds_*/*.benchmark.tsv")]
    measured = [
        pd.read_csv(file, sep="\t", na_values="-").assign(rule=file.name.split(".")[-3])  # ....RULE.benchmark.tsv
        for file in sorted(files)
        if file.name != "report.benchmark.tsv"
    ]
    if not measured:
        return pd.DataFrame(columns=["rule", "jobs", "seconds", "memory"])
    jobs = pd.concat(measured).groupby("rule", sort=False)
    table = jobs.agg(jobs=("s", "size"), seconds=("s", "sum"), memory=("max_rss", "max")).sort_values("seconds")
    return table[::-1].reset_index()


def data_uri(svg: Path) -> str:
    """An image as an address that holds all of it."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--template", type=Path, required=True, help="the page's Jinja2 template")
    parser.add_argument("--config", type=json.loads, required=True, metavar="JSON", help="the experiment, as JSON")
    parser.add_argument("--figures", type=json.loads, required=True, metavar="JSON", help="the variants of each figure")
    parser.add_argument("--results", type=Path, required=True, help="the folder with the results of the other steps")
    parser.add_argument("--experiment", type=Path, required=True, help="JSON to write: config and versions")
    parser.add_argument("--steps", type=Path, required=True, help="JSON to write: time and memory of each rule's jobs")
    parser.add_argument("--page", type=Path, required=True, help="the page to write")
    arguments = parser.parse_args()
    config, results = arguments.config, arguments.results

    with written_whole(arguments.experiment) as path:
        versions = {package: version(package) for package in PACKAGES}
        path.write_text(json.dumps({"config": config, "versions": versions}, indent=2) + "\n")

    with written_whole(arguments.steps) as path:
        path.write_text(add_up_benchmarks(results, config).to_json(orient="records", indent=2) + "\n")

    environment = Environment(
        loader=FileSystemLoader(arguments.template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["show"] = show
    environment.globals["include"] = lambda part: Markup((arguments.template.parent / part).read_text())
    tables = ("initial", "summary", "differences", "verdicts", "reproduction")
    page = environment.get_template(arguments.template.name).render(
        experiment=load(arguments.experiment, results),
        config_yaml=yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100),
        steps=load(arguments.steps, results),
        **{table: load(results / f"{table}.csv", results) for table in tables},
        runs={
            (network, variant): load(results / network / variant / "run.json", results)
            for network in config["networks"]
            for variant in config["variants"]
        },
        figures=arguments.figures,
        images={
            (network, figure): data_uri(results / network / f"{figure}.svg")
            for network in config["networks"]
            for figure in arguments.figures
        },
        curves={
            network: Markup((results / network / "curves.json").read_text().replace("<", "\\u003c"))
            for network in config["networks"]
        },
        published_image=data_uri(results / "published.svg"),
    )
    with written_whole(arguments.page) as path:
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
