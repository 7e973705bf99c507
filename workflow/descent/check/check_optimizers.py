"""Judge every update rule, beside its torch.optim class if it has one, without any data."""

import json
import sys
from pathlib import Path

from descent.check.comparison import COLUMNS, DIFFERENT, Row, check_optimizers, describe, parts
from descent.files import write_csv
from descent.optimizers import find
from descent.step import command_line


def table(rows: list[Row]) -> str:
    """The rows as an aligned text table."""
    columns = ["optimizer", "setting", "verdict", "first_step"]
    cells = [columns, *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)


def main() -> None:
    parser = command_line(
        __doc__,
        "Prints a line for each rule that is right. For a wrong one: its mistake if one explains every setting, or the "
        "first step (from 1) after which w differs by more than 1e-12; and which parts are right, the plain rule and "
        "each hyperparameter added to it. Exits with 1 if a rule is wrong, unless it writes --output.",
    )
    parser.add_argument("--all", action="store_true", help="print every setting, with its verdict")
    parser.add_argument("--output", type=Path, help="the CSV to write, with a row per rule and setting")
    parser.add_argument(
        "--settings", type=json.loads, default={}, metavar="JSON", help="more to check: {OPTIMIZER: [{NAME: VALUE}]}"
    )
    arguments = parser.parse_args()

    try:
        rows = check_optimizers(arguments.settings)
    except ValueError as error:  # of a file that is no rule
        sys.exit(str(error))
    if arguments.all:
        print(table(rows))
        print("first_step: the first step, from 1, after which w differs by more than 1e-12 of its largest entry")
    for name in dict.fromkeys(row["optimizer"] for row in rows):
        its = [row for row in rows if row["optimizer"] == name]
        print("\n".join(describe(its, parts(find(name), its))))
    if any(row["verdict"] == DIFFERENT for row in rows):
        print("✓ and ✗ below a rule: the plain rule, with lr alone, and each hyperparameter added to it")
    if arguments.output:
        write_csv(arguments.output, COLUMNS, (row.values() for row in rows))
    elif any(row["verdict"] == DIFFERENT for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
