"""Write the table of the calibration: the features of its trainings."""

from datetime import date
from pathlib import Path

import pandas as pd

from descent.files import write_text
from descent.reproduction import run_features
from descent.runs import Run
from descent.steps import command_line

HEAD = """\
# Logs of the mean training loss in blocks of epochs, and of the test loss after the last, of trainings as the lab's.
# Made by `make calibration` on {date}: {device}, PyTorch {torch}, Python {python}, {dtype}.
"""


def rows(run: Run) -> pd.DataFrame:
    """A run's hyperparameters (``momentum`` is 0 if absent), seeds and features, one row per seed."""
    point = {"lr": 0, "momentum": 0} | run.record["hyperparameters"]
    return run_features(run).round(5).reset_index().assign(**point)


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--run", type=Path, action="append", required=True, help="a folder that train wrote")
    parser.add_argument("--output", type=Path, required=True, help="the CSV to write")
    arguments = parser.parse_args()

    runs = [Run(folder) for folder in arguments.run]
    table = pd.concat(map(rows, runs))
    table = table[["lr", "momentum", "seed", *table.columns.difference(["lr", "momentum", "seed"], sort=False)]]
    write_text(arguments.output, HEAD.format(date=date.today(), **runs[0].record) + table.to_csv(index=False))


if __name__ == "__main__":
    main()
