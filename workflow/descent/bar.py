"""A progress bar for the whole run, on the terminal's last line."""

import atexit
import os
import re
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

EVERY = 0.5  # seconds


def start(dag: Any) -> None:
    """Show how much of Snakemake's ``dag`` is done, until this process ends; do nothing if stderr is not a terminal.

    Only the lines above scroll (DECSTBM), so the terminal's scrollback keeps every line that the steps print.
    Each update is one write that restores the cursor.
    """
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") in (None, "dumb"):
        return
    began, size = time.time(), (0, 0)
    ended = threading.Event()

    def draw() -> None:
        nonlocal size
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
        text = ""
        if (columns, rows) != size:  # first, and whenever the window changes
            size = (columns, rows)
            text += f"\n\x1b7\x1b[1;{rows - 1}r\x1b8\x1b[1A"
        elapsed = time.time() - began
        done = share_done(dag, began)
        right = f" {done:4.0%}, {clock(elapsed)}" + (f", {clock(elapsed / done - elapsed)} left" if done else "")
        right += f"  {running(dag)}"
        right = right[: columns * 2 // 3]
        width = max(0, columns - len(right) - 1)
        filled = round(done * width)
        write(f"{text}\x1b7\x1b[{rows};1H\x1b[2K{'━' * filled}\x1b[2m{'━' * (width - filled)}\x1b[22m{right}\x1b8")

    def run() -> None:
        while not ended.wait(EVERY):
            with suppress(RuntimeError, OSError):  # the jobs changed meanwhile, or the terminal is gone
                draw()

    def stop() -> None:
        ended.set()
        thread.join()
        with suppress(OSError):
            write(f"\x1b7\x1b[r\x1b[{size[1]};1H\x1b[2K\x1b8" if size[1] else "")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    atexit.register(stop)


def share_done(dag: Any, began: float) -> float:
    """The share of a run, from 0 to 1, that is done. A training counts as its number of epochs, every other job as one.

    What a training has printed since ``began``, a Unix time, is in its log.
    """
    done = total = 0
    for job in dag.needrun_jobs(exclude_finished=False):
        epochs = re.search(r"--epochs (\d+)", job.params.get("options", ""))
        parts = int(epochs[1]) if epochs else 1
        total += parts
        if dag.finished(job):
            done += parts
        elif epochs and (log := Path(job.log[0])).exists() and log.stat().st_mtime > began:
            done += log.read_text(encoding="utf-8").count("  epoch ")
    return done / total if total else 0


def clock(seconds: float) -> str:
    return "{}:{:02d}".format(*divmod(int(seconds), 60))


def running(dag: Any) -> str:
    """The steps that run now: their rules, and what they make."""
    jobs = [job for job in dag.needrun_jobs() if dag.is_running(job)]
    return ", ".join(" ".join([job.rule.name, "/".join(job.wildcards)]).strip() for job in jobs)


def write(text: str) -> None:
    os.write(sys.stderr.fileno(), text.encode(sys.stderr.encoding, "replace"))
