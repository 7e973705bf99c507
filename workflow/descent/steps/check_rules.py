"""Compare every update rule with its torch.optim class, over the same gradients, without any data."""

import json
import sys
from collections import Counter
from pathlib import Path

from descent.files import write_csv
from descent.optimizers import OPTIMIZERS
from descent.rule_checks import COLUMNS, check_rules
from descent.steps import command_line


def table(rows: list[dict]) -> str:
    """The rows as an aligned text table, without the mistakes."""
    columns = COLUMNS[:-1]
    cells = [columns, *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)


def count(rows: list[dict]) -> list[tuple]:
    """For each optimizer its class, empty if it has none, and how many settings were checked and are equal."""
    verdicts = {
        optimizer: [row["verdict"] for row in rows if row["optimizer"] == optimizer] for optimizer in OPTIMIZERS
    }
    return [
        (optimizer, OPTIMIZERS[optimizer].torch or "", len(found), found.count("equal"))
        for optimizer, found in verdicts.items()
    ]


def main() -> None:
    parser = command_line(
        __doc__,
        "Prints a table: for each setting whether rule and class are equal to 1e-12, or the first step and tensor at "
        "which they differ, and the factor between their changes of w; then each mistake that is proved. A rule "
        "without a class is checked for its properties. With --results, writes rules.csv (this table, with the "
        "mistakes) and rule_verdicts.csv (one row per optimizer). Without it, exits with 1 if a rule differs.",
    )
    parser.add_argument("--results", type=Path, help="the folder of all results")
    parser.add_argument(
        "--setting", nargs=2, action="append", default=[], metavar=("OPTIMIZER", "JSON"), help="one more to check"
    )
    arguments = parser.parse_args()

    rows = check_rules([(optimizer, json.loads(text)) for optimizer, text in arguments.setting])
    counts = count(rows)
    print(table(rows))
    for optimizer, torch, settings, equal in counts:
        print(f"{optimizer}: {equal} of {settings} settings are {f'equal to torch.optim.{torch}' if torch else 'fine'}")
        mistakes = Counter(row["mistake"] for row in rows if row["optimizer"] == optimizer and row["mistake"])
        for mistake, times in mistakes.items():
            print(f"  {times} setting{'s' if times > 1 else ''}: {mistake}")
    if arguments.results:
        write_csv(arguments.results / "rules.csv", COLUMNS, (row.values() for row in rows))
        write_csv(arguments.results / "rule_verdicts.csv", ["optimizer", "torch", "settings", "equal"], counts)
    elif any(row["verdict"] == "different" for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
