"""Write the page of a sweep, one self-contained HTML file, and its answer in Markdown."""

import json
from pathlib import Path

import yaml

from descent import sentences, tables
from descent.files import write_json, write_text
from descent.report.page import data_uri, to_markdown, write_page
from descent.run import read_table
from descent.step import command_line


def main() -> None:
    parser = command_line(__doc__, "Writes sweep.html, sweep/ranking.md, and sweep/experiment.json with the config.")
    parser.add_argument("--sweep", type=json.loads, required=True, metavar="JSON", help="the sweep of config.yaml")
    parser.add_argument("--training", type=json.loads, required=True, metavar="JSON", help="how it trains")
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    arguments = parser.parse_args()
    results, sweep, training = arguments.results, arguments.sweep, arguments.training
    folder = results / "sweep"

    ranking, trials, targets = (read_table(folder / f"{name}.csv") for name in ("ranking", "trials", "targets"))
    checked = read_table(results / "optimizers.csv")
    used = checked[checked["optimizer"].isin([grid["optimizer"] for grid in sweep["optimizers"].values()])]
    answer = sentences.ranking(ranking) + sentences.wrong_rules(used)

    experiment = {"training": training, "sweep": sweep}
    write_json(folder / "experiment.json", experiment)
    write_text(folder / "ranking.md", to_markdown(answer, tables.ranking(ranking)))
    write_page(
        results / "sweep.html",
        "sweep.html.j2",
        answer=answer,
        compared=sentences.sweep(sweep, training),
        ranking=tables.ranking(ranking),
        targets=tables.targets(targets),
        trials=tables.trials(trials),
        sensitivity=data_uri(folder / "sensitivity.svg"),
        sweep_yaml=yaml.safe_dump(experiment, sort_keys=False, default_flow_style=None, width=100),
    )


if __name__ == "__main__":
    main()
