"""The last lines of a run, for any terminal and locale, and even if the reader has gone."""

import os
import sys
from contextlib import suppress
from pathlib import Path

# Each page, and the file with its answer and table.
PAGES = {"report.html": "summary.md", "sweep.html": "sweep/ranking.md"}


def show_news(results: Path, since: float) -> None:
    """Print the answer, the table and the path of each page in ``results`` made after ``since``, a Unix time."""
    for page, answer in ((results / page, results / answer) for page, answer in PAGES.items()):
        if page.exists() and page.stat().st_mtime > since:
            show(f"\n{answer.read_text(encoding='utf-8')}\nOpen the report: {page}")


def show_failure() -> None:
    """Say after a failure how to go on."""
    print("Finished steps are kept: the same command continues the run.", file=sys.stderr)


def show(text: str) -> None:
    """Print ``text``, with +/- if the terminal has no ±; print nothing if the reader has gone."""
    try:
        print(text, flush=True)
    except UnicodeEncodeError:
        show(text.replace("±", "+/-").encode("ascii", "replace").decode())
    except BrokenPipeError:
        with suppress(OSError):  # discards the buffer, so that Python does not complain when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
