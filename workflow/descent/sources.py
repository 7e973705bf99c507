"""The files that a step imports, and their checksum: a result that other code made is stale."""

import hashlib
from collections.abc import Iterable
from functools import cache
from modulefinder import ModuleFinder
from pathlib import Path

from descent import WORKFLOW

PACKAGE = WORKFLOW / "descent"


@cache
def sources(*modules: str) -> list[Path]:
    """The files of the package that ``modules`` import, directly or not, and their own; sorted."""
    finder = ModuleFinder(path=[str(PACKAGE.parent)])
    for module in modules:
        finder.import_hook(module)
    files = (getattr(found, "__file__", None) for found in finder.modules.values())
    return sorted(Path(file) for file in files if file)


def digest(files: Iterable[Path]) -> str:
    """SHA-256 of the contents of ``files``, in their order."""
    contents = (hashlib.sha256(file.read_bytes()).digest() for file in files)
    return hashlib.sha256(b"".join(contents)).hexdigest()
