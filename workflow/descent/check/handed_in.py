"""Check the update rules in files of others: each file in a process of its own, with limits of time and memory.

A file's rules are its functions and classes that are named as an optimizer of torch.optim, in whatever case: sgd, Adam.
A notebook's are in its code cells. A file that hangs, crashes, exits or prints spoils no other. This is no sandbox: a
file may do what you may do.
"""

import ast
import contextlib
import inspect
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import psutil
import torch

from descent import step
from descent.check.assignment import translate
from descent.check.comparison import check
from descent.check.verdicts import in_lines
from descent.files import write_csv, write_text
from descent.optimizers import WITHOUT_LR, Rule, find, names, one_line, read_signature
from descent.optimizers._classes import is_optimizer

SECONDS, WALL, MEMORY = 10, 120, 2 * 2**30  # of processor time, of wall time, bytes more than this process has
FIELDS = ["file", "optimizer", "part", "right", "mistake"]
OPTIMIZERS = {name.lower() for name, its in vars(torch.optim).items() if is_optimizer(its)} - {"optimizer"}
LONGEST = 300  # characters of a line or a cell

Parts = dict[str, list[str]]  # what is asked: of each optimizer the parts that are graded
Answer = tuple[list[str], list[list[str]]]  # lines to print, and rows with the last four FIELDS


def load_rules(file: Path) -> tuple[dict[str, Rule], list[str]]:
    """The rules of a file by name, and what is wrong with others; raises ValueError, with one line, if it is broken.

    What the file replaces in the check or in ``torch.optim`` is put back.
    """
    modules = [module for name, module in sys.modules.items() if name.startswith(("descent", "torch.optim"))]
    before = [(module, dict(vars(module))) for module in modules]
    module = sys.modules["handed_in"] = ModuleType("handed_in")
    module.__file__ = str(file)
    with one_line(file):
        source = file.read_bytes()
        exec(compile(notebook(source) if file.suffix == ".ipynb" else source, file, "exec"), vars(module))
    for replaced, its_vars in before:
        vars(replaced).update(its_vars)
    rules: dict[str, Rule] = {}
    wrong = []
    for name, its in list(vars(module).items()):
        is_own = getattr(its, "__module__", "") == "handed_in" and its.__name__ in (name, "<lambda>")
        optimizer = name.replace("_", "").lower()
        if is_own and (inspect.isfunction(its) or is_optimizer(its)) and optimizer in OPTIMIZERS:
            try:
                rule = read_signature(name, its)
                if "lr" not in translate(optimizer, rule).known:
                    raise ValueError(f"{name} {WITHOUT_LR}")
                if rules.pop(optimizer, None):  # neither is graded
                    raise ValueError(f"it has two of {optimizer}: leave one")
                rules[optimizer] = rule
            except ValueError as error:
                form = f"asked is {optimizer}(w, g, its state, *, lr=..., its other hyperparameters)"
                wrong.append(f"{error}; found is {name}{inspect.signature(its)}, {form}")
    return rules, wrong


def notebook(source: bytes) -> ast.Module:
    """The imports, definitions and constants of a notebook's code cells; its magics, and what runs, are left out."""
    kept: list[ast.stmt] = []
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign)
    try:
        cells = [cell["source"] for cell in json.loads(source)["cells"] if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        raise SyntaxError("it is no notebook") from None
    for cell in cells:
        lines = "".join(cell).splitlines()
        with contextlib.suppress(SyntaxError):
            code = ast.parse("\n".join("" if re.match(r"\s*[%!?]", line) else line for line in lines))
            kept += [its for its in code.body if isinstance(its, kinds) and not runs(its)]
    return ast.Module(kept, [])


def runs(statement: ast.stmt) -> bool:
    """Whether an assignment computes something by a call."""
    return isinstance(statement, ast.Assign) and any(isinstance(node, ast.Call) for node in ast.walk(statement))


def asked_of(reference: Path | None, files: list[Path]) -> dict[Path, Parts]:
    """The parts of each file that are graded: of the rules in a reference, or of ours that the file names.

    A file that names none of ours is to have those that others name.
    """
    if reference:
        rules, wrong = load_rules(reference)
        if not rules:
            sys.exit(f"{reference} has no rule: {'; '.join(wrong) or 'no name in it is that of an optimizer'}")
        return {file: {name: parts_of(rule) for name, rule in rules.items()} for file in files}
    ours = {name: parts_of(find(name)) for name in names()}
    named: dict[Path, Parts] = {}
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        words = {word.replace("_", "").lower() for word in re.findall(r"\b(?:def|class)\s+(\w+)", text)}
        named[file] = {name: parts for name, parts in ours.items() if name in words}
    every = {name: parts for its in named.values() for name, parts in its.items()} or {"sgd": ours["sgd"]}
    return {file: its or every for file, its in named.items()}


def parts_of(rule: Rule) -> list[str]:
    optional = [name for name in rule.defaults if name != "lr"]
    return ["plain", *optional, *(["together"] if len(optional) > 1 else [])]


def check_file(file: Path, asked: Parts) -> Answer:
    """Check a file's rules, in this process."""
    try:
        rules, wrong = load_rules(file)
    except BaseException as error:  # of a file that is no rule, or that exits
        return failed(str(error) if isinstance(error, ValueError) else f"it ends with {error!r}", asked)
    if not rules:
        none = "it has no function or class that is named as an optimizer, such as sgd"
        return failed("; ".join(wrong) or none, asked)
    said, rows = [f"✗ {line}" for line in wrong], []
    for name, rule in rules.items():
        judged = check(name, rule)
        lines = in_lines(*judged)
        said += lines
        mistake = "; ".join(line.strip() for line in lines[1:-1])
        words = {True: "yes", False: "no"}
        found = {part: words[right] for part, right in judged.parts.items()} | dict.fromkeys(judged.unknown, "unknown")
        for part in dict.fromkeys([*asked.get(name, []), *found]):
            right = found.get(part, "missing")
            rows.append([name, part, right, {"no": mistake, "unknown": lines[0][2:]}.get(right, "")])
        if missing := [part for part in asked.get(name, []) if part not in found]:
            said.append(f"    missing: {', '.join(missing)}")
    for name in asked.keys() - rules.keys():
        rows += [[name, part, "missing", "; ".join(wrong)] for part in asked[name]]
        said.append(f"✗ {name}: it is missing")
    return said, rows


def failed(why: str, asked: Mapping[str, list[str]]) -> Answer:
    return [f"✗ {why}"], [[name, part, "no", why] for name, parts in asked.items() for part in parts]


def clean(text: str) -> str:
    """Text of others in one line without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)[:LONGEST]


def cell(text: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{clean(text)}" if text[:1] in ("=", "+", "-", "@") else clean(text)


def check_and_send(file: Path, asked: Parts, pipe: Connection) -> None:
    """Check a file and send the answer: what a process of its own does. What the file prints is lost."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: int(time.process_time()) + SECONDS}
    if sys.platform == "linux":  # elsewhere, address space is no measure of memory
        limits[resource.RLIMIT_AS] = psutil.Process().memory_info().vms + MEMORY
    for which, limit in limits.items():
        resource.setrlimit(which, (limit, limit))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # for what it writes
        pipe.send(check_file(file, asked))
        os.chdir("/")


def check_files(asked: Mapping[Path, Parts]) -> Iterator[tuple[Path, Answer]]:
    """Check files on all cores; yield each with its answer when it is there."""
    # Once for all files: what PyTorch imports late, and the trajectories of the classes.
    for name in {"sgd", *chain.from_iterable(asked.values())}.intersection(names()):
        check(name, find(name))
    # On macOS, a fork of a process with threads may hang; to start anew costs each file PyTorch's import.
    context: Any = get_context("fork" if sys.platform == "linux" else "spawn")
    left, cores = list(asked), len(psutil.Process().cpu_affinity()) if sys.platform == "linux" else os.cpu_count() or 1
    running: dict[Any, tuple] = {}  # pipe: file, process, when it must be done
    while left or running:
        while left and len(running) < cores:
            file, (ours, its) = left.pop(0), context.Pipe(duplex=False)
            process = context.Process(target=check_and_send, args=(file.resolve(), asked[file], its))
            process.start()
            its.close()
            running[ours] = file, process, time.monotonic() + WALL
        first = min(deadline for *_, deadline in running.values())
        ready: list[Any] = wait(list(running), max(0, first - time.monotonic()))
        for pipe in ready or [pipe for pipe, (*_, deadline) in running.items() if deadline <= time.monotonic()]:
            file, process, _ = running.pop(pipe)
            try:
                found = pipe.recv() if ready else failed(f"stopped after {WALL} seconds", asked[file])
            except EOFError:
                process.join()
                slow = process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL)
                why = f"stopped after {SECONDS} seconds of processor time" if slow else "it ended its process"
                found = failed(why if slow else f"{why}: it exits, crashes or takes too much memory", asked[file])
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
            yield file, found


def expand(files: list[Path]) -> dict[Path, str]:
    """Files, and those in folders, each with as much of its path as tells it apart."""
    found = []
    for file in files:
        if file.is_dir():
            found += sorted(its for its in file.rglob("*") if its.suffix in (".py", ".ipynb") and not its.is_dir())
        elif file.is_file() or file.is_symlink():  # one that leads nowhere is a file that is broken
            found.append(file)
        else:
            sys.exit(f"there is no file {file}")
    shown = {file: file.name for file in dict.fromkeys(found)}
    for depth in range(2, max((len(file.parts) for file in shown), default=0) + 1):
        several = {name for name in shown.values() if list(shown.values()).count(name) > 1}
        shown |= {file: "/".join(file.parts[-depth:]) for file, name in shown.items() if name in several}
    return shown


def main(
    files: Annotated[list[Path], "files or folders, such as handed-in/*.py"],
    reference: Annotated[
        Path | None, "a file whose signatures say what is asked; otherwise Descent's own rules"
    ] = None,
    csv: Annotated[Path | None, "the CSV to write, with a row for each file and part of a rule"] = None,
    feedback: Annotated[Path | None, "a folder to write a text file into for each file"] = None,
) -> None:
    """Prints what `make check` says of each file. Exits with 1 if a part of a rule is wrong, missing or unknown."""
    torch.set_num_threads(1)
    shown, rows = expand(files), {}
    for file, (said, found) in check_files(asked_of(reference, list(shown))):
        text = f"{shown[file]}: " + "\n".join(clean(line) for line in dict.fromkeys(said))
        print(text, flush=True)
        rows[file] = [[cell(shown[file]), *map(cell, row)] for row in found]
        if feedback:
            write_text(feedback / f"{shown[file].replace('/', '_')}.txt", f"{text}\n")
    if csv:
        write_csv(csv, FIELDS, (row for file in shown for row in rows[file]))
    right = sum(all(row[3] == "yes" for row in its) for its in rows.values())
    print(f"{right} of {len(rows)} files are right")
    sys.exit(right < len(rows))


if __name__ == "__main__":
    step.run(main)
