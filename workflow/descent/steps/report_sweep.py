"""Write the page of a sweep: one self-contained HTML file."""

import json
from pathlib import Path

import yaml

from descent.files import write_json
from descent.page import data_uri, load, write_page
from descent.steps import command_line
from descent.sweep import swept


def main() -> None:
    parser = command_line(__doc__, "Writes sweep.html, and sweep/experiment.json with the configuration.")
    parser.add_argument("--sweep", type=json.loads, required=True, metavar="JSON", help="the sweep of config.yaml")
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    arguments = parser.parse_args()
    results, sweep = arguments.results, arguments.sweep
    folder = results / "sweep"

    write_json(folder / "experiment.json", sweep)
    figures = [
        "budget",
        "sensitivity",
        *(f"heat_map_{name}" for name, grid in sweep["optimizers"].items() if len(swept(grid)) > 1),
    ]
    write_page(
        results / "sweep.html",
        "sweep.html.j2",
        sweep=load(folder / "experiment.json", results),
        sweep_yaml=yaml.safe_dump({"sweep": sweep}, sort_keys=False, default_flow_style=None, width=100),
        **{table: list(load(folder / f"{table}.csv", results)) for table in ("ranking", "targets", "trials")},
        budget=list(load(folder / "budget.csv", results)),
        rule_verdicts=load(results / "rule_verdicts.csv", results),
        images={figure: data_uri(folder / f"{figure}.svg") for figure in figures},
    )


if __name__ == "__main__":
    main()
