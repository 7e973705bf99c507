"""The update rules: each one from scratch, beside the ``torch.optim`` class that it is compared with.

The symbols are the lab's: w a parameter, g = ∇_w CE(f(w, X), Y) its gradient on a minibatch,
α the learning rate (``lr``), μ the momentum, v the velocity; and λ is the weight decay. A rule updates
one parameter of any shape in place, element by element, so it serves a stack of networks as it serves
one. What a rule remembers between iterations it keeps in ``state``, which is empty before the first.

Each line of a formula is one line of its code, with PyTorch's fused operations in the order in which
``torch.optim`` has them: on a CPU twins then agree to the bit.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, optim

State = dict[str, Any]


def sgd(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """Mini-batch stochastic gradient descent, with momentum in the lab's formulation.

    g ← g + λ w
    v ← μ v + g        (v = 0 at first)
    w ← w − α v        (Nesterov's: w ← w − α (g + μ v))

    Without momentum v is g. The learning rate stands outside the velocity, as in ``torch.optim.SGD``;
    Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013), have
    it inside, v ← μ v − α g, which differs once the learning rate changes. Nesterov's momentum is theirs,
    in the form of Bengio et al., "Advances in optimizing recurrent networks" (2013); weight decay is that
    of Krogh and Hertz, "A simple weight decay can improve generalization" (1991).
    """
    if weight_decay:
        g = g.add(w, alpha=weight_decay)
    v = g
    if momentum:
        if not state:
            state["v"] = torch.zeros_like(w)
        v = state["v"].mul_(momentum).add_(g)
    if nesterov:
        v = g.add(v, alpha=momentum)
    w.sub_(v, alpha=lr)


def adagrad(w: Tensor, g: Tensor, state: State, *, lr: float, eps: float = 1e-10) -> None:
    """Adagrad: Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011), the diagonal form.

    s ← s + g²         (s = 0 at first)
    w ← w − α g / (√s + ε)
    """
    if not state:
        state["s"] = torch.zeros_like(w)
    s = state["s"].addcmul_(g, g)
    w.addcdiv_(g, s.sqrt().add_(eps), value=-lr)


def rmsprop(
    w: Tensor, g: Tensor, state: State, *, lr: float, alpha: float = 0.99, eps: float = 1e-8, momentum: float = 0.0
) -> None:
    """RMSprop: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning" (2012).

    s ← a s + (1 − a) g²         (s = 0 at first; a is ``alpha``)
    v ← μ v + g / (√s + ε)       (v = 0 at first)
    w ← w − α v

    Without momentum v is g / (√s + ε).
    """
    if not state:
        state.update(s=torch.zeros_like(w), v=torch.zeros_like(w) if momentum else None)
    s, v = state["s"], state["v"]
    s.mul_(alpha).addcmul_(g, g, value=1 - alpha)
    root = s.sqrt().add_(eps)
    if momentum:
        v.mul_(momentum).addcdiv_(g, root)
        w.sub_(v, alpha=lr)
    else:
        w.addcdiv_(g, root, value=-lr)


def adam(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> None:
    """Adam: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1.

    g ← g + λ w
    m ← β1 m + (1 − β1) g        (m = 0 at first)
    s ← β2 s + (1 − β2) g²       (s = 0 at first)
    w ← w − α m̂ / (√ŝ + ε)       with m̂ = m / (1 − β1^t) and ŝ = s / (1 − β2^t) in iteration t = 1, 2, ...
    """
    if weight_decay:
        g = g.add(w, alpha=weight_decay)
    if not state:
        state.update(t=0, m=torch.zeros_like(w), s=torch.zeros_like(w))
    state["t"] += 1
    t, m, s = state["t"], state["m"], state["s"]
    beta1, beta2 = betas
    m.lerp_(g, 1 - beta1)
    s.mul_(beta2).addcmul_(g, g, value=1 - beta2)
    root = s.sqrt().div_(math.sqrt(1 - beta2**t)).add_(eps)
    w.addcdiv_(m, root, value=-lr / (1 - beta1**t))


def adamw(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    """AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2.

    w ← w − α λ w, and then Adam's update without weight decay. As in ``torch.optim.AdamW`` the decay is
    scaled by the learning rate, which the paper's algorithm leaves out.
    """
    w.mul_(1 - lr * weight_decay)
    adam(w, g, state, lr=lr, betas=betas, eps=eps)


class Optimizer(NamedTuple):
    """An optimizer from scratch, and the class of PyTorch that takes the same hyperparameters by the same names."""

    custom: Callable[..., None]
    torch: type[optim.Optimizer] | None = None


# An entry here makes an optimizer known to config.yaml: with the hyperparameters that its rule takes after the `*`.
OPTIMIZERS = {
    "sgd": Optimizer(sgd, optim.SGD),
    "adagrad": Optimizer(adagrad, optim.Adagrad),
    "rmsprop": Optimizer(rmsprop, optim.RMSprop),
    "adam": Optimizer(adam, optim.Adam),
    "adamw": Optimizer(adamw, optim.AdamW),
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
