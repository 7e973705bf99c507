"""The two implementations of an optimizer, from scratch and PyTorch's, with the interface of ``torch.optim``."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from descent.optimizers import Rule, find


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
            count = [self.iteration] if self.rule.counts else []
            self.rule.update(w, w.grad, *count, *state, **hyperparameters)

    def zero_grad(self) -> None:
        for w in self.param_groups[0]["params"]:
            w.grad = None


def torch_class(name: str) -> type[torch.optim.Optimizer] | None:
    """The class of ``torch.optim`` that an optimizer is named after, whatever the case; None if there is none."""
    classes = (its for key, its in vars(torch.optim).items() if key.lower() == name and isinstance(its, type))
    return next(classes, None)


def make_optimizer(
    implementation: str, name: str, parameters: Iterable[Tensor], **hyperparameters: Any
) -> FromScratch | torch.optim.Optimizer:
    """The optimizer ``name``, ``custom`` or ``torch``; ValueError if ``torch.optim`` has no class of that name."""
    if implementation == "custom":
        return FromScratch(find(name), parameters, **hyperparameters)
    if (its_class := torch_class(name)) is None:
        raise ValueError(f"torch.optim has no class for {name}")
    return its_class(parameters, **hyperparameters)
