"""The update rules, one file each: NAME.py, in lower case, holds a function NAME. There is no list of them.

A rule's signature declares all that it needs, in this order:

    def adam(w, g, t, m, s, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):

- w, a parameter of any shape, stacked over seeds along its first axis, and g, its gradient of the same shape;
- t, only if the rule needs it: the number of the iteration, from 1;
- the tensors of its state: shaped like w, zero at first, and the rule's own from one iteration to the next;
- its hyperparameters, with their defaults; one without a default stands behind the ``*``.

A file may hold a class NAME instead, in whatever case, with the interface of ``torch.optim``: it is made of a list of
parameters and its hyperparameters, and has ``step()`` and ``zero_grad()``. Each network has its own.

A rule changes w and its state in place, element by element, so it works on a stack of networks as on one. The symbols
are the lab's: g = ∇_w CE(f(w, X), Y), α the learning rate ``lr``, μ the momentum, v the velocity; λ is the weight
decay. The code follows the formulas, with PyTorch's fused operations in the order of ``torch.optim``: so, on a CPU,
twins agree to the bit. `make check` says whether a rule is right. A helper's file starts with _.
"""

import importlib
import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from descent.optimizers._classes import (
    constructor_hyperparameters,
    find_class,
    hyperparameters,
    is_optimizer,
    module_files,
    torch_has,
)
from descent.sources import sources

FOLDER = Path(__file__).parent
WITHOUT_LR = "has no hyperparameter lr; hyperparameters have a default, or stand behind a *"


class Rule(NamedTuple):
    """An update rule, and what its signature declares."""

    update: Any  # the function, or the class of a file that holds one
    takes_t: bool
    state: list[str]  # the names of its state tensors
    defaults: dict[str, Any]  # of its hyperparameters: a pair as a list
    required: list[str]  # its hyperparameters without a default

    @property
    def is_function(self) -> bool:
        """Whether one call updates one parameter; a class is made for all parameters of a network."""
        return inspect.isfunction(self.update)


class Declaration(NamedTuple):
    """What config.yaml may say of an optimizer."""

    implementations: list[str]  # custom if it has a file here, torch if there is a class elsewhere
    defaults: dict[str, Any]  # as in Rule
    required: list[str]  # the hyperparameters that must be given
    is_rule: bool = False  # rather than a class


def lookup(name: str) -> Declaration:
    """What an optimizer is, with a file here or a class elsewhere; raise ValueError, with one line, if it is neither.

    A class is one of ``torch.optim``, by its name in lower case, or one of another package, by its import path.
    """
    if name in names():
        rule = find(name)
        implementations, defaults, required = ["custom"] + ["torch"] * torch_has(name), rule.defaults, rule.required
    else:
        implementations, (defaults, required) = ["torch"], constructor_hyperparameters(find_class(name))
    is_rule = name in names() and find(name).is_function
    return Declaration(implementations, defaults, [*required, *(["lr"] if "lr" in defaults else [])], is_rule)


def names() -> list[str]:
    """The optimizers that have a file."""
    return sorted(file.stem for file in FOLDER.glob("[a-z]*.py"))


def own_sources(implementation: str, name: str) -> list[Path]:
    """The files that make an optimizer and that no package owns: a file here, or a module, with what it imports."""
    if implementation == "torch":
        return module_files(name)
    return [file for file in sources(f"descent.optimizers.{name}") if file not in sources("descent.optimizers")]


@cache
def find(name: str) -> Rule:
    """Import the rule ``name``; raise ValueError, with one line that names file and place, if it does not fit."""
    if name not in names():
        raise ValueError(f"{name!r} is not one of {', '.join(names())}")
    file = FOLDER / f"{name}.py"
    with one_line(file):
        module = importlib.import_module(f"descent.optimizers.{name}")
    alike = {
        key: its for key, its in vars(module).items() if key.replace("_", "").lower() == name.replace("_", "").lower()
    }
    for its in [alike.pop(name, None), *alike.values()]:
        if inspect.isfunction(its) or is_optimizer(its):
            rule = read_signature(name, its)
            if rule.is_function and "lr" not in [*rule.defaults, *rule.required]:
                raise ValueError(f"{place(file, inspect.unwrap(its).__code__.co_firstlineno)}: {name} {WITHOUT_LR}")
            return rule
    raise ValueError(f"{place(file)}: it has no function or class {name}, as its name promises")


@contextmanager
def one_line(file: Path) -> Iterator[None]:
    """Turn whatever a file raises while it is imported into a ValueError, with one line that names file and place."""
    try:
        yield
    except SyntaxError as error:
        raise ValueError(f"{place(error.filename or file, error.lineno)}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        frame, message = where(error, file), next(iter(str(error).splitlines()), "")
        raise ValueError(f"{place(frame.filename, frame.lineno)}: {type(error).__name__}: {message}") from error


def read_signature(name: str, update: Callable) -> Rule:
    """Read the signature of a rule or of a class; raise ValueError as ``find`` does."""
    if inspect.isclass(update):
        try:
            return Rule(update, False, [], *constructor_hyperparameters(update))
        except ValueError as error:
            raise ValueError(f"{place(inspect.getfile(update))}: {error}") from error
    code = inspect.unwrap(update).__code__
    line = place(code.co_filename, code.co_firstlineno)
    parameters = list(inspect.signature(update).parameters.values())
    parameters = [p for p in parameters if p.kind != p.VAR_KEYWORD]
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        raise ValueError(f"{line}: {name} has *args: name each parameter")
    tensors = [p.name for p in parameters if p.kind != p.KEYWORD_ONLY and p.default is p.empty]
    if len(tensors) < 2:
        raise ValueError(f"{line}: {name} must take a parameter and its gradient first, as in {name}(w, g, *, lr)")
    if "t" in tensors[3:]:
        raise ValueError(f"{line}: {name} must take t third, as in {name}(w, g, t, m, *, lr)")
    defaults, required = hyperparameters(p for p in parameters if p.name not in tensors)
    takes_t = tensors[2:3] == ["t"]
    return Rule(update, takes_t, tensors[3 if takes_t else 2 :], defaults, required)


def where(error: BaseException, file: str | Path) -> traceback.FrameSummary:
    """The innermost place that an exception comes from, in ``file`` or an optimizer's file if it passed there."""
    frames = traceback.extract_tb(error.__traceback__)
    rules = {str(file), *map(str, FOLDER.glob("[!_]*.py"))}
    return next((frame for frame in reversed(frames) if frame.filename in rules), frames[-1])


def place(file: str | Path, line: int | None = None) -> str:
    """A place for an error message: ``optimizers/sgd.py, line 3``."""
    shown = f"optimizers/{Path(file).name}" if Path(file).parent == FOLDER else Path(file).name
    return shown + (f", line {line}" if line else "")
