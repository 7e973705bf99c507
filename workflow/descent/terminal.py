"""The last lines of a run, for any terminal and locale, and even if the reader has gone."""

import csv
import os
import sys
from contextlib import suppress
from pathlib import Path

RULES = Path("results/rule_verdicts.csv")
# Each page, and the file that begins with its answer and table.
PAGES = {"results/report.html": "results/summary.md", "results/sweep.html": "results/sweep/ranking.md"}


def show_news(since: float) -> None:
    """Print the answer, what is known of the rules, the table and the path of each page made after ``since``.

    ``since`` is a Unix time.
    """
    for page, summary in ((Path(page), Path(summary)) for page, summary in PAGES.items()):
        if page.exists() and page.stat().st_mtime > since:
            answer, table, *_ = summary.read_text(encoding="utf-8").split("\n\n")
            rules = wrong_rules() or ["All update rules that have a class in torch.optim equal it."]
            lines = [answer.rstrip(), *(f"- {line}" for line in rules)]
            show("\n" + "\n".join([*lines, "", table.rstrip(), "", f"Open the report: {page.absolute()}"]))


def show_failure() -> None:
    """Print what is known of wrong rules, and how to go on after a failure."""
    for line in [*wrong_rules(), "Finished steps are kept: the same command continues the run."]:
        print(line, file=sys.stderr)


def wrong_rules() -> list[str]:
    """A line for each update rule that is not right in all of its settings."""
    if not RULES.exists():
        return []
    with RULES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["equal"] != row["settings"]]
    faults = (f"differs from torch.optim.{row['torch']}" if row["torch"] else "has a mistake" for row in rows)
    return [f"The rule of {row['optimizer']} {fault}: `make check` says how." for row, fault in zip(rows, faults)]


def show(text: str) -> None:
    """Print ``text``, with +/- if the terminal has no ±; print nothing if the reader has gone."""
    try:
        print(text, flush=True)
    except UnicodeEncodeError:
        show(text.replace("±", "+/-").encode("ascii", "replace").decode())
    except BrokenPipeError:
        with suppress(OSError):  # discards the buffer, so that Python does not complain when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
