"""Which files of the package a module runs, and a checksum of them: what was made by other code is stale."""

import hashlib
from collections.abc import Iterable
from modulefinder import ModuleFinder
from pathlib import Path

PACKAGE = Path(__file__).parent


def sources(module: str) -> list[Path]:
    """The files of the package that run when ``module`` does: its own, and those of all that it imports; sorted."""
    finder = ModuleFinder(path=[str(PACKAGE.parent)])
    finder.import_hook(module)
    return sorted(Path(found.__file__) for found in finder.modules.values() if found.__file__)


def digest(files: Iterable[Path]) -> str:
    """SHA-256 of the content of some files, in their order."""
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()
