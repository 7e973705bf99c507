"""Data sets in MNIST's format."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np


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
