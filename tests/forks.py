"""Processes that start fast: a server has made the imports that take seconds, and forks for each command.

Snakemake and the steps that it runs are such forks. Tests of kills, pipes, terminals and Slurm start real processes.
"""

import functools
import inspect
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

# None of this project: it is imported by each fork, from the folder that the fork is for.
IMPORTS = ["snakemake.cli", "torch", "torchvision.datasets", "safetensors.torch"]
IMPORTS += ["pandas", "jinja2", "matplotlib.pyplot", "scipy.optimize", "scipy.special"]

# For each connection it runs a module as `python -m` does, in a process of its own, and sends that process's status.
SERVER = """
import atexit, gc, importlib, json, os, runpy, select, signal, socket, sys, threading

address, python, *modules = sys.argv[1:]
for module in modules:
    importlib.import_module(module)
path = sys.path[1:]
server = socket.socket(socket.AF_UNIX)
server.bind(address)
server.listen()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
gc.freeze()
print("ready", flush=True)
while server in select.select([server, sys.stdin], [], [])[0]:  # its input ends with the process that started it
    connection, _ = server.accept()
    if os.fork():
        connection.close()
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, *_ = socket.recv_fds(connection, 1, 3)
    folder, environment, (module, *words) = json.loads(connection.makefile().readline())
    if child := os.fork():
        connection.sendall(b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os._exit(0)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, max(files) + 1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    own = [os.path.abspath(part) for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    sys.path[:] = [folder, *own, *path]
    sys.executable, sys.argv[1:] = python, words
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    # Python would clean up all of the imports, which takes a second.
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
"""


def ask(address: str, files: list[int], folder: str, environment: dict[str, str], words: list[str]) -> int:
    """Have the server at an address do what ``python -m WORDS`` does, with three open files; returns its status."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(None)  # whatever the default has become
        connection.connect(address)
        socket.send_fds(connection, [b"-"], files)
        connection.sendall(json.dumps([folder, environment, words]).encode() + b"\n")
        return int(connection.recv(8) or 1)


# A `python` for the steps that Snakemake runs.
PYTHON = """#!{python} -IS
import json, os, socket, sys

{ask}

if sys.argv[1:2] != ["-m"]:
    os.execv("{python}", ["{python}", *sys.argv[1:]])
status = ask("{address}", [0, 1, 2], os.getcwd(), dict(os.environ), sys.argv[2:])
sys.exit(status if status >= 0 else 128 - status)
"""


@functools.cache
def server() -> str:
    """Start a server, which ends with this process; returns its address."""
    folder = tempfile.TemporaryDirectory(prefix="forks-")
    address, python = f"{folder.name}/socket", Path(folder.name, "python")
    python.write_text(PYTHON.format(python=sys.executable, address=address, ask=inspect.getsource(ask)))
    python.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONUTF8": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, address, python, *IMPORTS],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"ready\n"
    server.kept = folder, process  # as long as this process lives, with the server's input open
    return address


def run(module: str, *words: str, folder: Path, pythonpath: str | None = None) -> subprocess.CompletedProcess:
    """Do what ``python -m MODULE WORDS`` does in a folder, with its standard input empty."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if pythonpath:
        environment["PYTHONPATH"] = pythonpath
    with (
        open(os.devnull) as nothing,
        tempfile.NamedTemporaryFile() as output,
        tempfile.NamedTemporaryFile() as error,
    ):
        files = [file.fileno() for file in (nothing, output, error)]
        status = ask(server(), files, str(folder), environment, [module, *words])
        told = (Path(file.name).read_text(encoding="utf-8") for file in (output, error))
        return subprocess.CompletedProcess([module, *words], status, *told)
