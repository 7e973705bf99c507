"""The fixtures that the tests share. What takes long is made once, for all of pytest-xdist's processes."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from checkouts import REPOSITORY, Checkout, check_out_small, step
from idx import write_mnist

pytest.register_assert_rewrite("pages")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with Slurm, which takes minutes and mostly waits, then with what needs a finished run: meanwhile, the other
    processes do the rest. What needs a whole sweep is slow."""
    items.sort(key=lambda item: (item.path.stem != "test_slurm", "finished" not in item.fixturenames))
    for item in items:
        if "swept" in item.fixturenames:
            item.add_marker("slow")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    import torch  # which the process that only hands out the tests does not need

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A function that has a folder of some name made by the first process that asks for it, and waits for it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def once(name: str, make: Callable[[Path], object]) -> Path:
        path, done = root / name, root / f"{name}-done"
        with (root / f"{name}-lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(path, ignore_errors=True)  # of a process that failed to make it
                path.mkdir()
                make(path)
                done.touch()
        return path

    return once


@pytest.fixture(scope="session")
def small_mnist(once) -> tuple[Path, dict[str, str]]:
    """A folder with 1,000 training and 300 test images in MNIST's format, and the checksums of its files."""

    def make(path: Path) -> None:
        (path / "data").mkdir()
        (path / "checksums.json").write_text(json.dumps(write_mnist(path / "data", train=1000, test=300)))

    path = once("small-mnist", make)
    return path / "data", json.loads((path / "checksums.json").read_text())


@pytest.fixture(scope="session")
def real_mnist(once) -> Path:
    """The real MNIST, as `download_mnist` fetches it; this checkout's own copy if there is one."""
    file = REPOSITORY / "resources/mnist.safetensors"
    if file.exists():
        return file
    folder = once("mnist", lambda path: step("download_mnist", "--output", path / "mnist.safetensors"))
    return folder / "mnist.safetensors"


@pytest.fixture(scope="session")
def finished(once, small_mnist) -> Checkout:
    """A checkout in which the workflow has run to its end, and what it printed; for tests that write nothing there."""

    def make(path: Path) -> None:
        run = check_out_small(path, small_mnist).snakemake("--cores", "2")
        (path / "terminal").write_text(run.stdout + run.stderr)

    return Checkout(once("finished", make))


@pytest.fixture
def checkout(finished, tmp_path) -> Checkout:
    """A copy of the finished checkout, to edit."""
    return finished.copy(tmp_path / "copy")


@pytest.fixture(scope="session")
def finished_twins(once, finished) -> Checkout:
    """The same with one network and two twins alone, custom_sgd and torch_sgd: nothing trains again."""

    def keep_twins(config: dict) -> None:
        config["networks"].pop("code_50")
        config["variants"] = {name: config["variants"][name] for name in ("custom_sgd", "torch_sgd")}

    def make(path: Path) -> None:
        checkout = finished.copy(path / "copy")
        checkout.edit_config(keep_twins)
        for folder in ("code_50", "text_100/custom_momentum", "text_100/torch_momentum"):
            shutil.rmtree(checkout.path / "results" / folder)
        checkout.snakemake()

    return Checkout(once("finished-twins", make) / "copy")


@pytest.fixture
def twins(finished_twins, tmp_path) -> Checkout:
    """A copy of it, to edit."""
    return finished_twins.copy(tmp_path / "copy")


@pytest.fixture
def unstarted(finished_twins, tmp_path) -> Checkout:
    """A copy of it before it was run, but with MNIST."""
    checkout = finished_twins.copy(tmp_path / "unstarted")
    for folder in ("results", ".snakemake"):
        shutil.rmtree(checkout.path / folder)
    return checkout


@pytest.fixture(scope="session")
def swept(once, finished) -> Checkout:
    """The finished checkout, with its sweep: SGD with two momenta and three learning rates, one too high, and Adam."""

    def make(path: Path) -> None:
        finished.copy(path / "copy").snakemake("sweep", "--cores", "2")

    return Checkout(once("swept", make) / "copy")


@pytest.fixture
def swept_checkout(swept, tmp_path) -> Checkout:
    """A copy of it, to edit."""
    return swept.copy(tmp_path / "copy")


@pytest.fixture
def small_checkout(tmp_path, small_mnist) -> Checkout:
    """A checkout in which nothing has run, with the small data set for its config."""
    return check_out_small(tmp_path / "checkout", small_mnist)
