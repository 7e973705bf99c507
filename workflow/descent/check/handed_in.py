"""Check the update rules in files of others: each file in a process of its own, with limits of time and memory.

A file's functions that are named as an optimizer of torch.optim (sgd, adam, ...) are its rules. A file that hangs,
crashes, exits or prints spoils no other. This is no sandbox: a file may do what you may do.
"""

import contextlib
import importlib.util
import inspect
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Annotated, Any

import torch

from descent import step
from descent.check.comparison import check, parts
from descent.check.verdicts import in_lines
from descent.files import write_csv
from descent.optimizers import Rule, find, names, one_line, read_signature
from descent.optimizers._classes import torch_class

SECONDS, MEMORY = 10, 2 * 2**30  # bytes more than this process has
FIELDS = ["file", "optimizer", "part", "right", "mistake"]

Answer = tuple[list[str], list[list[str]]]  # lines to print, and rows with the last four FIELDS


def rules_in(file: Path) -> dict[str, Rule]:
    """The rules of a file by name; raises ValueError, with one line, if there is none or the file is broken."""
    spec = importlib.util.spec_from_file_location("handed_in", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    with one_line(file):
        spec.loader.exec_module(module)
    functions = [its for its in vars(module).values() if inspect.isfunction(its) and its.__module__ == "handed_in"]
    found = {its.__name__: read_signature(its.__name__, its) for its in functions if torch_class(its.__name__)}
    if not found:
        raise ValueError("it has no function that is named as an optimizer, such as sgd")
    return found


def check_file(file: Path) -> Answer:
    """Check a file's rules, in this process."""
    said, rows = [], []
    try:
        for name, rule in rules_in(file).items():
            judged = check(name, rule)
            right = parts(rule, judged)
            lines = in_lines(judged, right)
            said += lines
            mistake = "; ".join(line.strip() for line in lines[1:-1])
            rows += [[name, part, "yes" if its else "no", "" if its else mistake] for part, its in right.items()]
    except BaseException as error:  # of a file that is no rule, or that exits
        said = [f"✗ {error}" if isinstance(error, ValueError) else f"✗ it ends with {error!r}"]
    return said, rows or [["", "", "no", said[0].removeprefix("✗ ")]]


def check_and_send(file: Path, pipe: Connection) -> None:
    """Check a file and send the answer: what a process of its own does. What the file prints is lost."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # for what it writes
        pipe.send(check_file(file))
        os.chdir("/")


def check_files(files: list[Path]) -> Iterator[tuple[Path, Answer]]:
    """Check files on all cores; yield each with its answer when it is there."""
    # Once for all files: what PyTorch imports late, and the trajectories of the classes.
    text = "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)
    for name in {"sgd", *re.findall(r"^def (\w+)", text, re.MULTILINE)}.intersection(names()):
        check(name, find(name))
    context, left = get_context("fork"), list(files)
    running: dict[Any, tuple] = {}  # pipe: file, process, when it must be done
    while left or running:
        while left and len(running) < len(os.sched_getaffinity(0)):
            file, (ours, its) = left.pop(0), context.Pipe(duplex=False)
            process = context.Process(target=check_and_send, args=(file.resolve(), its))
            process.start()
            its.close()
            running[ours] = file, process, time.monotonic() + SECONDS
        first = min(deadline for *_, deadline in running.values())
        ready: list[Any] = wait(list(running), max(0, first - time.monotonic()))
        for pipe in ready or [pipe for pipe, (*_, deadline) in running.items() if deadline <= time.monotonic()]:
            file, process, _ = running.pop(pipe)
            try:
                found = pipe.recv() if ready else failed(f"stopped after {SECONDS} seconds")
            except EOFError:
                found = failed("it ended its process: it exits, crashes or takes too much memory")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
            yield file, found


def failed(why: str) -> Answer:
    return [f"✗ {why}"], [["", "", "no", why]]


def main(
    files: Annotated[list[Path], "such as handed-in/*.py"],
    csv: Annotated[Path | None, "the CSV to write, with a row for each file and part of a rule"] = None,
) -> None:
    """Prints what `make check` says of each file. Exits with 1 if a part of a rule is wrong."""
    torch.set_num_threads(1)
    if missing := [file for file in files if not file.is_file()]:
        sys.exit(f"there is no file {missing[0]}")

    rows = {}
    for file, (said, found) in check_files(files):
        print(f"{file.name}: " + "\n".join(said), flush=True)
        rows[file] = [[file.name, *row] for row in found]
    if csv:
        write_csv(csv, FIELDS, (row for file in files for row in rows[file]))
    sys.exit(any(row[3] == "no" for its in rows.values() for row in its))


if __name__ == "__main__":
    step.run(main)
