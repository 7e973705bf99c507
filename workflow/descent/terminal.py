"""The last lines of a run, for any terminal and locale, and even if the reader has gone."""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from textwrap import fill

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
            lines = answer.read_text(encoding="utf-8").splitlines()
            width = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0
            lines = [
                line if line.startswith("|") else fill(line, width or 80, subsequent_indent="  ") for line in lines
            ]
            show("\n".join(["", *lines, "", f"Open the report: {page}"]))


FAILED: dict[Path, str] = {}  # the logs of the jobs that failed, and what these are called
INTERRUPTED: list[str] = []  # what Snakemake said of Ctrl-C
UNSAID = ("Select jobs to execute", "RuleException")  # what the bar says, and where a rule calls a step that failed


def is_news(record: logging.LogRecord) -> bool:
    """Whether a record of Snakemake's log is for the terminal; a filter. Notes the jobs that failed."""
    event, text = getattr(getattr(record, "event", None), "name", ""), record.getMessage()
    if event == "JOB_ERROR" and record.log:  # type: ignore[attr-defined]
        log = Path(record.log[0])  # type: ignore[attr-defined]
        FAILED[log.absolute()] = " ".join([record.rule_name, "/".join(log.parts[1:-1])]).strip()  # type: ignore[attr-defined]
    if "exit status 130" in text or "Signals.SIGINT" in text:
        INTERRUPTED.append(text)
    done = event == "PROGRESS" and sys.stderr.isatty()
    return not (event in ("JOB_STARTED", "JOB_FINISHED") or done or text.startswith(UNSAID))


def calm(logger: logging.Logger) -> None:
    """Keep what is no news from the terminal; Snakemake's own log file has it."""
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.filters.insert(0, is_news)


def show_failure() -> None:
    """Say after a failure which jobs failed, each with the message in its log, and how to go on."""
    if INTERRUPTED:
        print("You stopped the run.", file=sys.stderr)
    for log, job in FAILED.items() if not INTERRUPTED else ():
        text = log.read_text(encoding="utf-8", errors="replace").strip() if log.exists() else ""
        message = text.rpartition("\n\n")[2] if "Traceback (" not in text else text.splitlines()[-1]
        print(f"{job} failed: {message}", file=sys.stderr)
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
