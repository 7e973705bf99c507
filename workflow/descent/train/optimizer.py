"""The implementations of an optimizer, from scratch and by a class, with the interface of ``torch.optim``."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from descent.optimizers import Rule, find
from descent.optimizers._classes import find_class

# The classes of torch.optim that are known to update element by element, and so a stack as each network alone.
ELEMENTWISE = ("sgd", "adagrad", "rmsprop", "adam", "adamw")


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
        for w, state in zip(hyperparameters.pop("params"), self.state):
            count = [self.iteration] if self.rule.takes_t else []
            self.rule.update(w, w.grad, *count, *state, **hyperparameters)

    def zero_grad(self) -> None:
        for w in self.param_groups[0]["params"]:
            w.grad = None


class Unstacked:
    """An optimizer for each network of a stack, for a class that may not update it element by element.

    Each network's parameters are views of the stack, and so are their gradients.
    """

    def __init__(self, make: Callable[[list[Tensor]], torch.optim.Optimizer], parameters: Iterable[Tensor]) -> None:
        self.stacks = list(parameters)
        networks = range(len(self.stacks[0]))
        self.networks = [[w.detach()[i].requires_grad_() for w in self.stacks] for i in networks]
        self.optimizers = [make(network) for network in self.networks]
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        set_mode(self, "train")

    def step(self) -> None:
        for i, (network, optimizer) in enumerate(zip(self.networks, self.optimizers)):
            for w, stack in zip(network, self.stacks):
                w.grad = stack.grad[i]  # type: ignore[index]  # there is one after backward()
            optimizer.step()

    def zero_grad(self) -> None:
        for stack in self.stacks:
            stack.grad = None


def set_mode(optimizer: Any, mode: str) -> None:
    """Call ``train()`` or ``eval()`` of an optimizer that has it, as schedule-free ones have."""
    for its in getattr(optimizer, "optimizers", [optimizer]):
        getattr(its, mode, lambda: None)()


@contextmanager
def evaluating(optimizer: Any) -> Iterator[None]:
    """Put an optimizer into evaluation, and then back into training."""
    set_mode(optimizer, "eval")
    yield
    set_mode(optimizer, "train")


def make_optimizer(implementation: str, name: str, parameters: Iterable[Tensor], **hyperparameters: Any) -> Any:
    """The optimizer ``name``, ``custom`` (a rule from scratch) or ``torch`` (a class), of a stack of networks.

    A rule gets the stack, and so does a class that is ELEMENTWISE; with another class, each network has an optimizer of
    its own.
    """
    if implementation == "custom":
        return FromScratch(find(name), parameters, **hyperparameters)
    its_class = find_class(name)
    if name in ELEMENTWISE:
        return its_class(parameters, **hyperparameters)
    return Unstacked(lambda network: its_class(network, **hyperparameters), parameters)
