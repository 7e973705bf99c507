"""Processes that start fast: one has made the imports that take seconds, and is forked for every command."""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# For every line of its input it runs a module as `python -m` does, in a process of its own, and prints how that ended.
SERVER = """
import importlib, json, os, runpy, sys

for module in sys.argv[1:]:
    importlib.import_module(module)
for line in sys.stdin:
    folder, output, error, command, *words = json.loads(line)
    if not os.fork():
        os.chdir(folder)
        for file, number in ((output, 1), (error, 2)):
            os.dup2(os.open(file, os.O_WRONLY), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv[1:] = words
        runpy.run_module(command, run_name="__main__", alter_sys=True)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@functools.cache
def server(imports: tuple[str, ...], pythonpath: str | None) -> subprocess.Popen:
    """Start a server that has made these imports, none of them of this project; it ends with this process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if pythonpath:
        environment["PYTHONPATH"] = pythonpath
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, *imports],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    atexit.register(process.communicate)  # which ends it
    return process


def run(
    imports: tuple[str, ...], module: str, *words: str, folder: Path, pythonpath: str | None = None
) -> subprocess.CompletedProcess:
    """Do what ``python -m MODULE WORDS`` does in a folder, with its standard input empty."""
    with tempfile.NamedTemporaryFile() as output, tempfile.NamedTemporaryFile() as error:
        process = server(imports, pythonpath)
        print(json.dumps([str(folder), output.name, error.name, module, *words]), file=process.stdin, flush=True)
        ended = int(process.stdout.readline())
        told = (Path(file.name).read_text(encoding="utf-8") for file in (output, error))
        return subprocess.CompletedProcess([module, *words], ended, *told)
