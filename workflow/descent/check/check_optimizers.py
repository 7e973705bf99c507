"""Judge every update rule, beside its torch.optim class if it has one, without any data."""

import sys
from pathlib import Path
from typing import Annotated

import pandas as pd

from descent import step
from descent.check.comparison import check
from descent.check.verdicts import COLUMNS, DIFFERENT, in_lines
from descent.files import write_csv
from descent.optimizers import find, names


def main(
    all: Annotated[bool, "print every setting, with its verdict"] = False,
    output: Annotated[Path | None, "the CSV to write, with a row per rule and setting"] = None,
    twins: Annotated[dict | None, "hyperparameters to check too: {OPTIMIZER: [{NAME: VALUE}]}"] = None,
) -> None:
    """Prints a line for each rule that is right. For a wrong one: its mistake if one explains every setting, or the
    first step (from 1) after which w differs by more than 1e-12; and which parts are right, the plain rule and each
    hyperparameter added to it. Exits with 1 if a rule is wrong, unless it writes --output.
    """
    try:
        found = {name: check(name, find(name), (twins or {}).get(name, [])) for name in names()}
    except ValueError as error:  # of a file that is no rule
        sys.exit(str(error))
    rows = [row for its in found.values() for row in its.rows]
    if all:
        table = pd.DataFrame(rows)[["optimizer", "setting", "verdict", "first_step"]]
        print(table.to_markdown(index=False, tablefmt="plain", disable_numparse=True))
        print("first_step: the first step, from 1, after which w differs by more than 1e-12 of its largest entry")
    for its in found.values():
        print("\n".join(in_lines(*its)))
    wrong = any(row["verdict"] == DIFFERENT for row in rows)
    if wrong:
        print("✓ and ✗ below a rule: the plain rule, with lr alone, and each hyperparameter added to it")
    if output:
        write_csv(output, COLUMNS, (row.values() for row in rows))
    elif wrong:
        sys.exit(1)


if __name__ == "__main__":
    step.run(main)
