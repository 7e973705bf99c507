"""Write the page that tells the experiment: one self-contained HTML file."""

import argparse
import base64
import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from descent.files import written_whole

PACKAGES = ["snakemake", "pandas", "matplotlib", "torchvision", "safetensors"]


def data_uri(svg: Path) -> str:
    """An image as an address that holds all of it."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--template", type=Path, required=True, help="the page's Jinja2 template")
    parser.add_argument("--config", type=json.loads, required=True, metavar="JSON", help="the experiment, as JSON")
    parser.add_argument("--figures", type=json.loads, required=True, metavar="JSON", help="the variants of each figure")
    parser.add_argument("--results", type=Path, required=True, help="the folder with the results of the other steps")
    parser.add_argument("--output", type=Path, required=True, help="the page to write")
    arguments = parser.parse_args()
    config, results = arguments.config, arguments.results

    environment = Environment(
        loader=FileSystemLoader(arguments.template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(arguments.template.name).render(
        config=config,
        config_yaml=yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100),
        summary=pd.read_csv(results / "summary.csv").to_dict("records"),
        initial={network: pd.read_csv(results / network / "initial.csv") for network in config["networks"]},
        runs={
            (network, variant): json.loads((results / network / variant / "run.json").read_text())
            for network in config["networks"]
            for variant in config["variants"]
        },
        figures=arguments.figures,
        images={
            (network, figure): data_uri(results / network / f"{figure}.svg")
            for network in config["networks"]
            for figure in arguments.figures
        },
        versions={package: version(package) for package in PACKAGES},
    )
    with written_whole(arguments.output) as path:
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
