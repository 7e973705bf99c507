"""Compare every update rule with its torch.optim class, over the same gradients, without any data."""

import json
import sys
from collections import Counter
from pathlib import Path

from descent.checks import COLUMNS, check_optimizers
from descent.files import write_csv
from descent.steps import command_line

SHOWN = ["optimizer", "setting", "verdict", "first_step", "tensor", "factor"]  # all but the mistake, which is long


def table(rows: list[dict]) -> str:
    """The rows as an aligned text table."""
    cells = [SHOWN, *([str(row[column]) for column in SHOWN] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)


def conclude(rows: list[dict]) -> str:
    """How many settings of an optimizer are right, and each mistake that is proved, from its rows."""
    equal = sum(row["verdict"] == "equal" for row in rows)
    its_class = f"equal to torch.optim.{rows[0]['torch']}" if rows[0]["torch"] else "fine"
    mistakes = Counter(row["mistake"] for row in rows if row["mistake"])
    return "\n".join(
        [
            f"{rows[0]['optimizer']}: {equal} of {len(rows)} settings are {its_class}",
            *(f"  {times} setting{'s' if times > 1 else ''}: {mistake}" for mistake, times in mistakes.items()),
        ]
    )


def main() -> None:
    parser = command_line(
        __doc__,
        "Prints a table: for each setting whether rule and class are equal to 1e-12, or the first step and tensor at "
        "which they differ, and the factor between their changes of w; then each mistake that is proved. A rule "
        "without a class is checked for its properties. With --output, writes the table, with the mistakes, as CSV. "
        "Without it, exits with 1 if a rule differs.",
    )
    parser.add_argument("--output", type=Path, help="the CSV to write")
    parser.add_argument(
        "--settings", type=json.loads, default={}, metavar="JSON", help="more to check: {OPTIMIZER: [{NAME: VALUE}]}"
    )
    arguments = parser.parse_args()

    try:
        rows = check_optimizers(arguments.settings)
    except ValueError as error:  # of a file that is no rule
        sys.exit(str(error))
    print(table(rows))
    for optimizer in dict.fromkeys(row["optimizer"] for row in rows):
        print(conclude([row for row in rows if row["optimizer"] == optimizer]))
    if arguments.output:
        write_csv(arguments.output, COLUMNS, (row.values() for row in rows))
    elif any(row["verdict"] == "different" for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
