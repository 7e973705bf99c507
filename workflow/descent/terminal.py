"""The last lines of a run, for any terminal and locale, and even if the reader has gone."""

import os
import sys
from contextlib import suppress
from pathlib import Path

PAGES = ("results/report.html", "results/sweep.html")


def show_news(since: float) -> None:
    """Print the answer, the table of results and the paths of the pages, if made after ``since``, a Unix time."""
    new = [page for page in map(Path, PAGES) if page.exists() and page.stat().st_mtime > since]
    if Path(PAGES[0]) in new:
        answer, table, *_ = Path("results/summary.md").read_text(encoding="utf-8").split("\n\n")
        show(f"\n{answer}\n\n{table}")
    for page in new:
        show(f"\nOpen the report: {page.absolute()}")


def show(text: str) -> None:
    """Print ``text``, with +/- if the terminal has no ±; print nothing if the reader has gone."""
    try:
        print(text, flush=True)
    except UnicodeEncodeError:
        show(text.replace("±", "+/-").encode("ascii", "replace").decode())
    except BrokenPipeError:
        with suppress(OSError):  # discards the buffer, so that Python does not complain when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
