"""Copies of this checkout to run the workflow in, and the steps that it runs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "workflow/descent"
PACKAGE_PATH = str(PACKAGE.parent)


def module(name: str) -> str:
    """The module of a step: that of a rule's name."""
    (file,) = Path(PACKAGE_PATH).glob(f"descent/*/{name}.py")
    return f"descent.{file.parent.name}.{name}"


def step(name: str, *words: object, package: str = PACKAGE_PATH, check: bool = True) -> subprocess.CompletedProcess:
    """Run a step as the rules do."""
    command = [sys.executable, "-m", module(name), *map(str, words)]
    run = subprocess.run(command, env=os.environ | {"PYTHONPATH": package}, capture_output=True, text=True)
    if check and run.returncode:
        raise AssertionError(f"{name} ended with {run.returncode}:\n{run.stdout}\n{run.stderr}")
    return run


@dataclass
class Checkout:
    """A folder with a copy of this checkout."""

    path: Path

    def edit_config(self, edit: Callable[[dict], None]) -> None:
        """Change config.yaml through its parsed form."""
        file = self.path / "config.yaml"
        config = yaml.safe_load(file.read_text())
        edit(config)
        file.write_text(yaml.safe_dump(config, sort_keys=False))

    def options(self, profile: str = "none") -> list[str]:
        """The everyday command's options; without the default profile's logger."""
        settings = yaml.safe_load((self.path / "profiles/default/config.yaml").read_text())
        plain = ["--workflow-profile", profile, "--rerun-incomplete"]
        plain += ["--max-checksum-file-size", settings["max-checksum-file-size"]]
        return ["--cores", "1", "--resources", "gpu=1", *plain]

    def start(self, *words: str, profile: str = "none", **environment: str) -> subprocess.Popen:
        """Start the everyday command, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *self.options(profile), *words],
            cwd=self.path,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell starts what it runs in the background with Ctrl-C ignored, and so would these tests' children be.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def snakemake(
        self, *words: str, profile: str = "none", check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess:
        """Run the everyday command to its end."""
        process = self.start(*words, profile=profile, **environment)
        output = process.communicate()
        run = subprocess.CompletedProcess(process.args, process.returncode, *output)
        if check and run.returncode:
            raise AssertionError(f"snakemake ended with {run.returncode}:\n{run.stdout}\n{run.stderr}")
        return run

    def stale(self) -> set[str]:
        """The jobs that `snakemake` would run now."""
        return self.jobs(self.snakemake("--dry-run").stdout)

    @staticmethod
    def jobs(output: str) -> set[str]:
        """The jobs that Snakemake names, as "rule" or "rule network" or "rule network variant"."""
        jobs = set()
        block = None
        for line in output.splitlines():
            match line.split():
                case ["rule" | "localrule" | "checkpoint" | "localcheckpoint", name]:
                    block = name.rstrip(":")
                    if block != "all":
                        jobs.add(block)
                case ["wildcards:", *values] if block:
                    jobs.discard(block)
                    jobs.add(" ".join([block, *(value.partition("=")[2].rstrip(",") for value in values)]))
        return jobs

    @property
    def data(self) -> Path:
        """The file with the data set."""
        (file,) = self.path.glob("resources/*.safetensors")
        return file

    def copy(self, path: Path) -> "Checkout":
        """A copy in another folder, to edit."""
        return Checkout(shutil.copytree(self.path, path))


def check_out(path: Path) -> Checkout:
    """Copy this checkout's files to ``path``, as git would clone them with what is not committed yet."""
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=REPOSITORY, text=True
    )
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).exists():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, path / name)
    return Checkout(path)


def check_out_small(path: Path, small_mnist: tuple[Path, dict[str, str]]) -> Checkout:
    """The same, with a config that trains on the small data set: 4 seeds, 2 epochs, small networks."""
    folder, checksums = small_mnist
    checkout = check_out(path)

    def shrink(config: dict) -> None:
        config["seeds"] = [0, 1, 2, 3]
        config["networks"] = {"text_100": [8, 8], "code_50": [6]}
        config["training"] |= {"epochs": 2, "batch_size": 16}
        config["curves"]["smoothing"] = 5
        config["variants"].pop("fast_sgd")
        config["sweep"] |= {"validation": 200, "seeds": 2, "final_seeds": 4, "targets": [0.5, 0.9999]}
        config["sweep"]["optimizers"] = {
            "sgd": {"optimizer": "sgd", "lr": [0.01, 0.05, 1000], "momentum": [0, 0.9]},
            "adam": {"optimizer": "adam", "lr": [0.001, 0.004], "schedule": "linear"},
        }
        config["data"] = {"source": str(folder), "sha256": checksums}

    checkout.edit_config(shrink)
    return checkout


def csv_bytes(checkout):
    root = checkout.path / "results"
    return {str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*.csv"))}


def processes_in(folder):
    """The processes at work in a folder: Snakemake and its steps."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd().startswith(str(folder)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def steps_in(folder, name):
    """The processes of a step at work in a folder."""
    found = []
    for process in processes_in(folder):
        with suppress(psutil.Error):
            if module(name) in process.cmdline():
                found.append(process)
    return found
