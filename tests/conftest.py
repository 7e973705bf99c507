"""What the tests share: a small data set in MNIST's format, the real MNIST, and a copy of the checkout to run in."""

import gzip
import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import settings

REPOSITORY = Path(__file__).parent.parent
LAB = REPOSITORY / "tests/lab.yaml"  # config.yaml as it comes: tests do not depend on what became of it
PACKAGE_PATH = str(REPOSITORY / "workflow")

torch.set_num_threads(1)
settings.register_profile("same", derandomize=True)  # the same examples in every run
settings.load_profile("same")


def idx(array: np.ndarray) -> bytes:
    """An array of unsigned bytes in the IDX format."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder: Path, train: int, test: int) -> dict[str, str]:
    """Write a data set that can be learnt, one noisy prototype a class, gzipped; return its checksums."""
    random = np.random.default_rng(0)
    prototypes = random.integers(0, 256, (10, 28, 28)) * (random.random((10, 28, 28)) < 0.2)
    checksums = {}
    for split, n in {"train": train, "t10k": test}.items():
        labels = random.integers(0, 10, n).astype(np.uint8)
        images = np.clip(prototypes[labels] + random.normal(0, 60, (n, 28, 28)), 0, 255).astype(np.uint8)
        for name, array in {"images-idx3": images, "labels-idx1": labels}.items():
            file = f"{split}-{name}-ubyte"
            (folder / f"{file}.gz").write_bytes(gzip.compress(idx(array), mtime=0))
            checksums[file] = hashlib.sha256(idx(array)).hexdigest()
    return checksums


@pytest.fixture(scope="session")
def small_mnist(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A folder with 1,000 training and 300 test images in MNIST's format, and the checksums of its files."""
    folder = tmp_path_factory.mktemp("small-mnist")
    return folder, write_mnist(folder, train=1000, test=300)


@pytest.fixture(scope="session")
def real_mnist(tmp_path_factory) -> Path:
    """The real MNIST, as `download_mnist` fetches it; this checkout's own copy if there is one."""
    file = REPOSITORY / "resources/mnist.safetensors"
    if not file.exists():
        file = tmp_path_factory.mktemp("mnist") / "mnist.safetensors"
        step("download_mnist", "--output", file)
    return file


def step(name: str, *words: object, check: bool = True) -> subprocess.CompletedProcess:
    """Run a step as the rules do, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"descent.steps.{name}", *map(str, words)],
        env=os.environ | {"PYTHONPATH": PACKAGE_PATH},
        capture_output=True,
        text=True,
        check=check,
    )


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

    def start(self, *words: str, profile: str = "none", **environment: str) -> subprocess.Popen:
        """Start the everyday command, in a process group of its own; without the default profile's logger."""
        settings = yaml.safe_load((self.path / "profiles/default/config.yaml").read_text())
        plain = ["--workflow-profile", profile, "--rerun-incomplete"]
        plain += ["--max-checksum-file-size", settings["max-checksum-file-size"]]
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "1", "--resources", "gpu=1", *plain, *words],
            cwd=self.path,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell starts what it runs in the background with Ctrl-C ignored, and so would these tests' children be.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def snakemake(self, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess:
        """Run the everyday command."""
        process = self.start(*words, **environment)
        run = subprocess.CompletedProcess(process.args, None, *process.communicate())
        run.returncode = process.returncode
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


def check_out(path: Path) -> Checkout:
    """Copy this checkout's files to ``path``, as git would clone them with what is not committed yet."""
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=REPOSITORY, text=True
    )
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).exists():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, path / name)
    shutil.copy(LAB, path / "config.yaml")
    return Checkout(path)


def check_out_small(path: Path, small_mnist: tuple[Path, dict[str, str]]) -> Checkout:
    """The same, with a config that trains on the small data set: 2 seeds, 2 epochs, small networks."""
    folder, checksums = small_mnist
    checkout = check_out(path)

    def shrink(config: dict) -> None:
        config["seeds"] = [0, 1]
        config["networks"] = {"exercise": [8, 8], "notebook": [6]}
        config["training"] |= {"epochs": 2, "batch_size": 16}
        config["curves"]["smoothing"] = 5
        config["sweep"] |= {"validation": 200, "seeds": 2, "epochs": 2, "final": {"epochs": 3, "seeds": 4}}
        config["sweep"] |= {"targets": [0.5, 0.9999]}
        config["sweep"]["optimizers"] = {
            "sgd": {"optimizer": "sgd", "lr": [0.01, 0.1, 1000], "momentum": [0, 0.9]},
            "adam": {"optimizer": "adam", "lr": [0.001, 0.01]},
        }
        config["data"] = {"source": str(folder), "sha256": checksums}

    checkout.edit_config(shrink)
    return checkout


@pytest.fixture(scope="session")
def finished(tmp_path_factory, small_mnist) -> Checkout:
    """A checkout in which the workflow has run to its end, and what it printed; for tests that change nothing."""
    checkout = check_out_small(tmp_path_factory.mktemp("finished"), small_mnist)
    run = checkout.snakemake()
    (checkout.path / "terminal").write_text(run.stdout + run.stderr)
    return checkout


@pytest.fixture
def checkout(finished, tmp_path) -> Checkout:
    """A copy of the finished checkout, to edit."""
    return Checkout(shutil.copytree(finished.path, tmp_path / "copy"))


@pytest.fixture
def small_checkout(tmp_path, small_mnist) -> Checkout:
    return check_out_small(tmp_path / "checkout", small_mnist)
