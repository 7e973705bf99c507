"""The four files of MNIST and of other data sets in its format: their names, checksums, and how they are found."""

import gzip
import hashlib
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Of the uncompressed files, whose well-known MD5 are 6bbc9ace…, a25bea73…, 2646ac64…, 27ae3e4e….
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

# What the tensors of the four files are called.
FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}

PLACES = ["*", "*/*", "*/*/*"]  # below a folder: torchvision's parent folder has the files in MNIST/raw


def data_set(checksums: dict[str, str] | None) -> str:
    """A name for a data set, of which no two have the same: ``mnist``, or one made of its files' checksums."""
    if not checksums:
        return "mnist"
    return f"data-{hashlib.sha256(' '.join(checksums[name] for name in SHA256).encode()).hexdigest()[:8]}"


def checksums(tensors: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of the four uncompressed files that hold ``tensors``, of uint8, named as in FILES."""
    found = {}
    for key, name in FILES.items():
        tensor = tensors[key]
        header = struct.pack(f">4B{tensor.dim()}I", 0, 0, 8, tensor.dim(), *tensor.shape)
        found[name] = hashlib.sha256(header + tensor.numpy().tobytes()).hexdigest()
    return found


class FetchError(ValueError):
    """One way to get the files failed; the message says why, and names the file if there is one."""


def locate(folder: Path) -> dict[str, list[Path]]:
    """Where each of the four files may be in a folder: under its name, however it is written, or in a folder below.

    Train-Images.idx3-ubyte.gz is train-images-idx3-ubyte. Raises FetchError, with one line, if there is none of a name.
    """
    if not folder.is_dir():
        raise FetchError(f"there is no folder {str(folder)!r}")
    files = [file for place in PLACES for file in sorted(folder.glob(place)) if file.is_file()]
    found = {name: [file for file in files if standard_name(file) == name] for name in SHA256}
    if missing := [name for name, its in found.items() if not its]:
        there = ", ".join(str(file.relative_to(folder)) for file in files[:8]) + (", …" if len(files) > 8 else "")
        raise FetchError(f"{folder} has no {missing[0]}, gzipped or not; it has {there or 'no files'}")
    return found


def standard_name(file: Path) -> str:
    return file.name.lower().removesuffix(".gz").replace(".", "-")


def read_files(folder: Path, checksums: dict[str, str]) -> dict[str, bytes]:
    """The contents of the four files in a folder, uncompressed; of several that may be meant, the one that is right.

    Raises FetchError, with one line, if a file is missing, cannot be read or has another checksum.
    """
    contents = {}
    for name, files in locate(folder).items():
        wrong = []
        for file in files:
            try:
                data = file.read_bytes()
                data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
                verify(str(file), data, checksums[name])
                contents[name] = data
                break
            except FetchError as error:
                wrong.append(str(error))
            except (OSError, EOFError, zlib.error) as error:
                wrong.append(f"{file} cannot be read: {error}")
        else:
            raise FetchError(wrong[0])
    return contents


def verify(name: str, data: bytes, checksum: str) -> None:
    """Raise FetchError unless the data has that SHA-256."""
    if (found := hashlib.sha256(data).hexdigest()) != checksum:
        raise FetchError(
            f"{name} is not the expected file: it is incomplete, changed, or from another data set (SHA-256 {found}, "
            f"expected {checksum})"
        )
