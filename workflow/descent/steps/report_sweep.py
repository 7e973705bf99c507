"""Write the page that tells a sweep: one self-contained HTML file."""

import json
from pathlib import Path

import yaml

from descent.page import data_uri, load, write_page
from descent.steps import command_line
from descent.sweep import axes


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument(
        "--sweep", type=json.loads, required=True, metavar="JSON", help="the grid, as config.yaml has it"
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder with the results")
    arguments = parser.parse_args()
    folder = arguments.results / "sweep"

    summary = load(folder / "summary.csv", arguments.results)
    rows = list(summary)
    write_page(
        arguments.results / "sweep.html",
        "sweep.html.j2",
        sweep=arguments.sweep,
        sweep_yaml=yaml.safe_dump({"sweep": arguments.sweep}, sort_keys=False, default_flow_style=None, width=100),
        overview=load(folder / "overview.json", arguments.results),
        hyperparameters=list(axes(arguments.sweep)),
        rows=sorted(
            rows, key=lambda row: -row["test_accuracy_mean"].value if not row["test_accuracy_mean"].missing else 1
        ),
        best=next((row for row in rows if row["best"].value), None),
        heat_map=data_uri(folder / "heat_map.svg"),
        sensitivity=data_uri(folder / "sensitivity.svg"),
    )


if __name__ == "__main__":
    main()
