"""Files that are written whole or not at all, each with its checksum beside it, which tells when it was changed."""

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_file(path: Path) -> Path:
    """Where the checksum of ``path`` is kept: a hidden file beside it, as `sha256sum` writes and checks it."""
    return path.with_name(f".{path.name}.sha256")


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path with the ending of ``path``, which takes the place of ``path`` at the end.

    If the body raises, ``path`` is left as it was and the temporary file is removed. Raises SystemExit with one
    line that names the file if it cannot be written: a full disk, a folder that is read-only.
    """
    path = Path(path)
    unfinished = path.with_name(f".unfinished.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        checksums = checksum_file(path)
        checksums.write_text(f"{sha256(unfinished)}  {path.name}\n")
        written = unfinished.stat().st_mtime_ns
        os.utime(checksums, ns=(written, written))  # the same time tells `changed` that nothing happened since
        unfinished.replace(path)
    except OSError as error:
        raise SystemExit(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def changed(path: Path) -> bool:
    """Whether ``path`` is no more what ``written_whole`` made of it; a file of another origin is not."""
    checksums = checksum_file(path)
    try:
        if path.stat().st_mtime_ns == checksums.stat().st_mtime_ns:
            return False
        return checksums.read_text().split()[:1] != [sha256(path)]
    except FileNotFoundError:
        return False


def set_changed_aside(folder: Path) -> list[Path]:
    """Rename every file under ``folder`` that was changed since it was made to NAME.changed; return their old paths."""
    found = []
    for checksums in folder.rglob(".*.sha256"):
        path = checksums.with_name(checksums.name.removeprefix(".").removesuffix(".sha256"))
        if changed(path):
            path.replace(path.with_name(f"{path.name}.changed"))
            found.append(path)
    return sorted(found)


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a CSV file whole. A step that writes with this needs no pandas, which takes long to import."""
    with written_whole(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
