"""The optimizer of a stack of networks, made of a rule from scratch or of a class, with ``torch.optim``'s interface."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from descent.optimizers import Rule, find, place, where
from descent.optimizers._classes import find_class
from descent.train.seeds import OPTIMIZER, generator

# The classes of torch.optim that are known to update element by element, and so a stack as each network alone.
ELEMENTWISE = ("sgd", "adagrad", "rmsprop", "adam", "adamw")


class OptimizerError(ValueError):
    """What a rule or a class raised, in one line with its place."""


@contextmanager
def one_line_of(made: Callable) -> Iterator[None]:
    """Turn whatever a rule or a class raises into an OptimizerError."""
    try:
        yield
    except Exception as error:
        frame, message = where(error, inspect.getfile(inspect.unwrap(made))), next(iter(str(error).splitlines()), "")
        if isinstance(error, NameError) and error.name == "torch":
            message += "; write `import torch` above the rule"
        at = f"{place(frame.filename, frame.lineno)}: {frame.line}"
        raise OptimizerError(f"{type(error).__name__}: {message} ({at})") from error


class FromScratch:
    """An optimizer of ``torch.optim``'s interface around an update rule of ``descent.optimizers``.

    ``param_groups[0]`` has the ``params`` and the hyperparameters, which are read in each step.
    """

    def __init__(self, rule: Rule, parameters: Iterable[Tensor], **hyperparameters: Any) -> None:
        self.rule, self.iteration = rule, 0
        self.param_groups = [{"params": list(parameters)} | hyperparameters]
        self.state = [[torch.zeros_like(w) for _ in self.rule.state] for w in self.param_groups[0]["params"]]

    @torch.no_grad()
    def step(self) -> None:
        """Update each parameter by its ``.grad``."""
        self.iteration += 1
        hyperparameters = self.param_groups[0].copy()
        count = [self.iteration] if self.rule.takes_t else []
        with one_line_of(self.rule.update):
            for w, state in zip(hyperparameters.pop("params"), self.state):
                self.rule.update(w, w.grad, *count, *state, **hyperparameters)

    def zero_grad(self) -> None:
        for w in self.param_groups[0]["params"]:
            w.grad = None


class Attributes:
    """The attributes of an object as a group of ``param_groups``."""

    def __init__(self, its: object) -> None:
        self.its = its

    def __contains__(self, name: str) -> bool:
        return hasattr(self.its, name)

    def __getitem__(self, name: str) -> Any:
        return getattr(self.its, name)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self.its, name, value)


class Unstacked:
    """An optimizer for each network of a stack, for a class that may not update it element by element.

    Each network's parameters are views of the stack, and so are their gradients. Each has a stream of random numbers of
    its own, drawn from its seed: what a class draws on the CPU does not depend on the other networks.
    """

    def __init__(
        self, its_class: type, parameters: Iterable[Tensor], seeds: Sequence[int] = (), **hyperparameters: Any
    ) -> None:
        self.its_class, self.stacks = its_class, list(parameters)
        networks = range(len(self.stacks[0]))
        self.networks = [[w.detach()[i].requires_grad_() for w in self.stacks] for i in networks]
        self.streams = [generator(seed, OPTIMIZER).get_state() for seed in seeds or networks]
        self.optimizers: list[Any] = [None] * len(self.networks)
        with one_line_of(its_class):
            for i in self.in_turn():
                self.optimizers[i] = its_class(self.networks[i], **hyperparameters)
        self.param_groups = [
            group
            for optimizer in self.optimizers
            for group in getattr(optimizer, "param_groups", [Attributes(optimizer)])
        ]
        set_mode(self, "train")

    def in_turn(self) -> Iterator[int]:
        """The networks' indices; meanwhile, PyTorch draws from the network's own stream."""
        others = torch.get_rng_state()
        for i, stream in enumerate(self.streams):
            torch.set_rng_state(stream)
            yield i
            self.streams[i] = torch.get_rng_state()
        torch.set_rng_state(others)

    def step(self) -> None:
        with one_line_of(self.its_class):
            for i in self.in_turn():
                for w, stack in zip(self.networks[i], self.stacks):
                    w.grad = stack.grad[i]  # type: ignore[index]  # there is one after backward()
                self.optimizers[i].step()

    def zero_grad(self) -> None:
        for stack in self.stacks:
            stack.grad = None


def set_mode(optimizer: Any, mode: str) -> None:
    """Call ``train()`` or ``eval()`` of an optimizer that has it, as schedule-free ones have."""
    for its in getattr(optimizer, "optimizers", [optimizer]):
        with one_line_of(type(its)):
            getattr(its, mode, lambda: None)()


@contextmanager
def evaluating(optimizer: Any) -> Iterator[None]:
    """Put an optimizer into evaluation, and then back into training."""
    set_mode(optimizer, "eval")
    yield
    set_mode(optimizer, "train")


def from_file(rule: Rule, parameters: Iterable[Tensor], seeds: Sequence[int] = (), **hyperparameters: Any) -> Any:
    """The optimizer of a stack by what a file of ``descent.optimizers`` holds, a rule or a class."""
    if rule.is_function:
        return FromScratch(rule, parameters, **hyperparameters)
    return Unstacked(rule.update, parameters, seeds, **hyperparameters)


def make_optimizer(
    implementation: str, name: str, parameters: Iterable[Tensor], seeds: Sequence[int] = (), **hyperparameters: Any
) -> Any:
    """The optimizer ``name``, ``custom`` (of a file) or ``torch`` (a class), of a stack of networks with some seeds.

    A rule gets the stack, and so does a class that is ELEMENTWISE; with another class, each network has an optimizer of
    its own.
    """
    if implementation == "custom":
        return from_file(find(name), parameters, seeds, **hyperparameters)
    if name in ELEMENTWISE:
        return find_class(name)(parameters, **hyperparameters)
    return Unstacked(find_class(name), parameters, seeds, **hyperparameters)
