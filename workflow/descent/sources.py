"""The files that a step imports, and their checksum: what other code made is stale."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from modulefinder import ModuleFinder
from pathlib import Path

PACKAGE = Path(__file__).parent
RULES = PACKAGE / "optimizers.py"


@cache
def sources(module: str) -> list[Path]:
    """The files of the package that ``module`` imports, directly or not, and its own; sorted."""
    finder = ModuleFinder(path=[str(PACKAGE.parent)])
    finder.import_hook(module)
    files = (getattr(found, "__file__", None) for found in finder.modules.values())
    return sorted(Path(file) for file in files if file)


def digest(files: Iterable[Path], optimizer: str | None = None, implementation: str = "custom") -> str:
    """SHA-256 of the contents of ``files``, in their order; of optimizers.py only what ``optimizer`` uses, if given."""
    contents = (
        of_optimizer(file.read_text(encoding="utf-8"), optimizer, implementation).encode()
        if optimizer and file == RULES
        else file.read_bytes()
        for file in files
    )
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()


def of_optimizer(text: str, optimizer: str, implementation: str) -> str:
    """The text of optimizers.py without the rules and entries of the other optimizers, and without blank lines.

    Functions that only these call are left out too. So a new rule makes no training with another optimizer stale. The
    ``implementation`` ``torch`` does not use the optimizer's own rule either.
    """
    tree = ast.parse(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    (table,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "OPTIMIZERS"
        and isinstance(node.value, ast.Dict)
    )

    def called(node: ast.AST, seen: set[str]) -> set[str]:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} & functions.keys() - seen
        return names.union(*(called(functions[name], seen | names) for name in names))

    entries = [(key, value) for key, value in zip(table.keys, table.values) if isinstance(key, ast.Constant)]
    others = [(key, value) for key, value in entries if key.value != optimizer]
    own = set().union(*(called(value, set()) for key, value in entries if key.value == optimizer))
    foreign = set().union(*(called(value, set()) for _, value in others))
    foreign = foreign - own if implementation == "custom" else foreign | own
    parts = [(key.lineno, value.end_lineno) for key, value in others]
    for node in (functions[name] for name in foreign):
        parts.append((min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.end_lineno))
    numbered = list(enumerate(text.splitlines()))
    left_out = {i for first, last in parts for i, _ in numbered[first - 1 : last]}
    return "\n".join(line for i, line in numbered if line.strip() and i not in left_out)
