"""The update rules: each one from scratch, beside the ``torch.optim`` class that it is compared with.

The symbols are the lab's: w a parameter, g = ∇_w CE(f(w, X), Y) its gradient on a minibatch,
α the learning rate (``lr``), μ the momentum, v the velocity. A rule updates one parameter of any
shape in place, element by element, so it serves a stack of networks as it serves one. What a rule
remembers between iterations it keeps in ``state``, which is empty before the first.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor


def sgd(w: Tensor, g: Tensor, state: dict[str, Tensor], *, lr: float, momentum: float = 0.0) -> None:
    """Mini-batch stochastic gradient descent, with momentum in the lab's formulation.

    v ← μ v + g        (v = 0 at first)
    w ← w − α v

    Without momentum v is g. The learning rate stands outside the velocity, as in ``torch.optim.SGD``;
    Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013), have
    it inside, v ← μ v − α g, which differs once the learning rate changes.
    """
    v = g
    if momentum:
        if not state:
            state["v"] = torch.zeros_like(w)
        v = state["v"].mul_(momentum).add_(g)
    w.sub_(v, alpha=lr)


class Optimizer(NamedTuple):
    """One optimizer's two implementations. They take the same hyperparameters by the same names."""

    custom: Callable[..., None]
    torch: type[torch.optim.Optimizer]


OPTIMIZERS = {
    "sgd": Optimizer(custom=sgd, torch=torch.optim.SGD),
}


def make_step(
    implementation: str, optimizer: str, parameters: Iterable[Tensor], **hyperparameters: float
) -> Callable[[], None]:
    """Return the function that takes one step down the gradients and clears them.

    ``implementation`` is ``custom`` or ``torch``, ``optimizer`` a key of ``OPTIMIZERS``. The step
    reads the ``.grad`` of every parameter, as ``backward()`` left it.
    """
    parameters = list(parameters)
    if implementation == "torch":
        torch_optimizer = OPTIMIZERS[optimizer].torch(parameters, **hyperparameters)

        def step() -> None:
            torch_optimizer.step()
            torch_optimizer.zero_grad()

        return step

    rule = OPTIMIZERS[optimizer].custom
    states = [{} for _ in parameters]

    @torch.no_grad()
    def step() -> None:
        for w, state in zip(parameters, states):
            rule(w, w.grad, state, **hyperparameters)
            w.grad = None

    return step
