"""The last lines of a run, for any terminal and locale, and even if the reader has gone."""

import os
import sys
from contextlib import suppress
from pathlib import Path

# Each page, and the file with its answer and table.
PAGES = {"report.html": "summary.md", "sweep.html": "sweep/ranking.md"}


def pages(results: Path) -> dict[Path, int]:
    """The pages that exist in a folder, each with its inode, which is another once a page has been made again."""
    return {page: page.stat().st_ino for page in map(results.__truediv__, PAGES) if page.exists()}


def show_news(results: Path, before: dict[Path, int]) -> None:
    """Print the answer, the table and the path of each page in ``results`` that is new since ``before``."""
    for page, inode in pages(results).items():
        if before.get(page) != inode:
            answer = results / PAGES[str(page.relative_to(results))]
            show(f"\n{answer.read_text(encoding='utf-8')}\nOpen the report: {page}")


def show_failure() -> None:
    """Say after a failure how to go on."""
    print("Finished steps are kept; to go on, run the same command again.", file=sys.stderr)


def show(text: str) -> None:
    """Print ``text``, with +/- if the terminal has no ±; print nothing if the reader has gone."""
    try:
        print(text, flush=True)
    except UnicodeEncodeError:
        show(text.replace("±", "+/-").encode("ascii", "replace").decode())
    except BrokenPipeError:
        with suppress(OSError):  # discards the buffer, so that Python does not complain when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
