"""Write files atomically: under a temporary name, then renamed."""

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path with the suffix of ``path``, and rename it to ``path`` after the body.

    The temporary name is this process's own, so two that write one file cannot mix. If the body raises, ``path`` stays
    as it was and the temporary file is removed. Raises SystemExit with one line that names the file if it cannot be
    written, for example on a full disk.
    """
    path = Path(path)
    unfinished = path.with_name(f".unfinished.{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise SystemExit(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Iterable]) -> None:
    """Write rows as CSV without pandas, which is slow to import."""
    with written_whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def numbers(values: Any) -> Iterator[str]:
    """The numbers of a tensor [n], with enough digits to read each back exactly."""
    return (f"{value:.9g}" if values.dtype.itemsize == 4 else repr(value) for value in values.tolist())


def write_text(path: str | Path, text: str) -> None:
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_table(path: str | Path, table: Any) -> None:
    """Write a pandas DataFrame as CSV, without its index."""
    with written_whole(path) as unfinished:
        table.to_csv(unfinished, index=False)


def write_tensors(path: str | Path, tensors: Mapping[str, Any]) -> None:
    """Write PyTorch tensors, from any device, as a safetensors file."""
    from safetensors.torch import save

    with written_whole(path) as unfinished:
        unfinished.write_bytes(save({name: tensor.detach().cpu() for name, tensor in tensors.items()}))


def read_tensors(path: Path) -> dict[str, Any]:
    """Read the PyTorch tensors of a safetensors file; SystemExit, with one line that names it, if it is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise SystemExit(f"{path} cannot be read ({error}): delete it and run again") from error
