"""The files that a module imports, and their checksum: a result that other code made is stale."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from descent import WORKFLOW


def sources(*modules: str, root: Path = WORKFLOW) -> list[Path]:
    """The files below ``root`` that ``modules`` import, directly or not, and their own; sorted."""
    found: set[Path] = set()
    new = {file for module in modules for file in files_of(module, root)}
    while new:
        found |= new
        new = {file for its in new for file in imported(its, root)} - found
    return sorted(found)


@cache
def imported(file: Path, root: Path) -> frozenset[Path]:
    """The files below ``root`` that a file imports itself, at its top or in a function."""
    names, package = [], file.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(file.read_bytes(), file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names += [f"{module}.{alias.name}" for alias in node.names]
    return frozenset(found for name in names for found in files_of(name, root))


def files_of(name: str, root: Path) -> list[Path]:
    """The files below ``root`` of a module, or of something in it, and of the packages around it."""
    parts = name.split(".")
    places = [root.joinpath(*parts[: n + 1]) for n in range(len(parts))]
    return [file for place in places for file in (place / "__init__.py", place.with_suffix(".py")) if file.exists()]


def digest(files: Iterable[Path]) -> str:
    """SHA-256 of the contents of ``files``, in their order."""
    contents = (hashlib.sha256(file.read_bytes()).digest() for file in files)
    return hashlib.sha256(b"".join(contents)).hexdigest()
