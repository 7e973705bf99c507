"""Which files of the package a module runs: its own, and those of all that it imports, directly or not."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent


def file_of(module: str) -> Path | None:
    """The file of a dotted module name, or None if it is not one of this package's modules."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def imported_names(file: Path) -> set[str]:
    """Dotted names that may be modules which ``file`` imports, wherever in the file the import stands."""
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: write imports within the package in full, not relative"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == PACKAGE.name}


def sources(module: str) -> list[Path]:
    """The files of the package that run when ``module`` does, with its packages' ``__init__``; sorted."""
    found, todo = set(), {module}
    while todo:
        name = todo.pop()
        parent = name.rpartition(".")[0]
        file = file_of(name)
        if parent and (file is None or file not in found):
            todo.add(parent)
        if file is not None and file not in found:
            found.add(file)
            todo |= imported_names(file)
    return sorted(found)
