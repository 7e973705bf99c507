"""Optimizers that are classes: those of ``torch.optim`` by name, and others by import path, and what they take."""

import importlib
import inspect
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # PyTorch takes a second to import, and most configs name no class that has to be
    from torch.optim import Optimizer


def torch_has(optimizer: str) -> bool:
    """Whether ``torch.optim`` has a module of this name, as it has for each of its optimizers; without importing it."""
    torch = find_spec("torch")
    folder = Path(torch.origin or "").parent / "optim" if torch else Path()
    return any((folder / f"{start}{optimizer}.py").exists() for start in ("", "_"))


def torch_class(name: str) -> type["Optimizer"] | None:
    """The class of ``torch.optim`` that an optimizer is named after, whatever the case; None if there is none."""
    from torch import optim

    classes = (its for key, its in vars(optim).items() if key.lower() == name and isinstance(its, type))
    return next(classes, None)


def find_class(name: str) -> type["Optimizer"]:
    """The class of ``torch.optim`` of that name, or of an import path such as ``schedulefree.SGDScheduleFree``.

    Raises ValueError, with one line, if it cannot be imported, or if its steps need a closure.
    """
    from torch.optim import Optimizer

    module, _, last = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), last, None) if module else torch_class(name)
    except ModuleNotFoundError as error:
        raise ValueError(f"{name} needs the package {error.name}, which is not installed") from error
    if not (inspect.isclass(found) and issubclass(found, Optimizer)):
        raise ValueError(f"{module or 'torch.optim'} has no optimizer {last}")
    closure = inspect.signature(found.step).parameters.get("closure")
    if closure and closure.default is closure.empty:
        raise ValueError(f"{name} evaluates the loss several times in a step (a closure), which Descent does not offer")
    return found


def class_defaults(name: str) -> dict[str, Any]:
    """The hyperparameters of a class with their defaults, from its signature: None if there is no default."""
    _, *given = inspect.signature(find_class(name)).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    values = {p.name: None if p.default is p.empty else p.default for p in given if p.kind not in kinds}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def package_version(name: str) -> str | None:
    """The package of a class with an import path, and its version; None for ``torch.optim``'s classes and for rules."""
    module, dot, _ = name.partition(".")
    distributions = packages_distributions().get(module, []) if dot else []
    return ", ".join(f"{its} {version(its)}" for its in sorted(set(distributions))) or None
