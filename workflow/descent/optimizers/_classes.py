"""Optimizers that are classes: those of ``torch.optim`` by name, and others by import path, and what they take."""

import importlib
import inspect
from collections.abc import Iterable
from functools import cache
from importlib.metadata import distribution, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from descent.sources import sources


def torch_has(optimizer: str) -> bool:
    """Whether ``torch.optim`` has a module of this name, as it has for each of its optimizers; without importing it.

    (PyTorch takes a second to import, and most configs name no class that has to be.)
    """
    torch = find_spec("torch")
    folder = Path(torch.origin or "").parent / "optim" if torch else Path()
    return optimizer in {file.stem.replace("_", "") for file in folder.glob("*.py")}


def torch_class(name: str) -> type | None:
    """The class of ``torch.optim`` that an optimizer is named after, whatever the case; None if there is none."""
    from torch import optim

    classes = (its for key, its in vars(optim).items() if key.lower() == name and isinstance(its, type))
    return next(classes, None)


def find_class(name: str) -> type:
    """The class of ``torch.optim`` of that name, or of an import path such as ``schedulefree.SGDScheduleFree``.

    Raises ValueError, with one line, if it cannot be imported, is no optimizer, or its steps need a closure.
    """
    module, _, last = name.rpartition(".")
    try:
        found: Any = getattr(importlib.import_module(module), last, None) if module else torch_class(name)
    except ModuleNotFoundError as error:
        raise ValueError(f"{name} needs the package {error.name}, which is not installed") from error
    except (Exception, SystemExit) as error:  # whatever a module of somebody else may raise
        raise ValueError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error
    if not is_optimizer(found):
        other = torch_class(last.lower())
        advice = f"; torch.optim.{other.__name__} is {last.lower()}" if other else ""
        raise ValueError(f"{name} is no class with step(), as those of torch.optim have it{advice}")
    closure = inspect.signature(found.step).parameters.get("closure")
    if closure and closure.default is closure.empty:
        raise ValueError(f"{name} evaluates the loss several times in a step (a closure), which Descent does not offer")
    return found


def is_optimizer(found: object) -> bool:
    if not inspect.isclass(found) or found.__module__ == "torch.optim.optimizer":  # which is abstract
        return False
    return callable(getattr(found, "step", None))


def class_defaults(name: str) -> dict[str, Any]:
    """The hyperparameters of a class that have a default, from its signature, with these defaults."""
    return constructor_hyperparameters(find_class(name))[0]


def constructor_hyperparameters(its_class: type) -> tuple[dict[str, Any], list[str]]:
    """What the constructor takes after the parameters, as ``hyperparameters``."""
    parameters = list(inspect.signature(its_class).parameters.values())
    if not parameters:
        raise ValueError(f"{its_class.__name__} is made of nothing: its first argument has to be a list of parameters")
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return hyperparameters(p for p in parameters[1:] if p.kind not in kinds)


def hyperparameters(parameters: Iterable[inspect.Parameter]) -> tuple[dict[str, Any], list[str]]:
    """The defaults of a signature's hyperparameters, a pair as a list, and the names of those without a default."""
    defaults, required = {}, []
    for p in parameters:
        if p.default is p.empty:
            required.append(p.name)
        else:
            defaults[p.name] = list(p.default) if isinstance(p.default, tuple) else p.default
    return defaults, required


@cache
def package_version(name: str) -> str | None:
    """The installed package of a class with an import path, and its version; None for others."""
    if not (module := name.rpartition(".")[0]):
        return None
    owners = sorted(set(packages_distributions().get(module.partition(".")[0], [])))
    owned = [its for its in owners if any(file_of(module) == each.locate() for each in distribution(its).files or [])]
    return ", ".join(f"{its} {version(its)}" for its in owned) or None


def module_files(name: str) -> list[Path]:
    """The file of a class with an import path that no package owns, and what it imports from its folder.

    It is on PYTHONPATH, or an editable install.
    """
    module = name.rpartition(".")[0]
    file = file_of(module)
    if file is None or package_version(name):
        return []
    root = file.parents[module.count(".") + (file.name == "__init__.py")]
    return sources(module, root=root)


def file_of(module: str) -> Path | None:
    spec = find_spec(module) if module else None
    return Path(spec.origin) if spec and spec.origin else None
