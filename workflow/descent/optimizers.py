"""The update rules, each from scratch, with the ``torch.optim`` class that it is compared with.

The symbols are the lab's: w a parameter, g = ∇_w CE(f(w, X), Y) its gradient on a minibatch,
α the learning rate (``lr``), μ the momentum, v the velocity; and λ is the weight decay. A rule updates
one parameter of any shape in place, element by element, so it works on a stack of networks as on one.
``state`` keeps its values from one iteration to the next, and is empty before the first.

The code follows the formulas, with PyTorch's fused operations in the order of ``torch.optim``: so, on a
CPU, twins agree to the bit.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # PyTorch takes a second to import, and the rules only call methods of tensors
    from torch import Tensor

State = dict[str, Any]


def sgd(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: float = 1e-3,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """Mini-batch stochastic gradient descent, with momentum in the lab's formulation.

    g ← g + λ w
    v ← μ v + g        (v = 0 at first)
    w ← w − α v        (Nesterov's: w ← w − α (g + μ v))

    Without momentum v is g. The learning rate is outside the velocity, as in ``torch.optim.SGD``;
    Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013), put
    it inside, v ← μ v − α g, which differs once the learning rate changes. Nesterov's momentum is theirs,
    in the form of Bengio et al., "Advances in optimizing recurrent networks" (2013); weight decay is that
    of Krogh and Hertz, "A simple weight decay can improve generalization" (1991).
    """
    if weight_decay:
        g = g.add(w, alpha=weight_decay)
    v = g
    if momentum:
        if not state:
            state["v"] = w.new_zeros(w.shape)
        v = state["v"].mul_(momentum).add_(g)
    if nesterov:
        v = g.add(v, alpha=momentum)
    w.add_(v, alpha=-lr)


def adagrad(w: Tensor, g: Tensor, state: State, *, lr: float = 1e-2, eps: float = 1e-10) -> None:
    """Adagrad: Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011), the diagonal form.

    s ← s + g²         (s = 0 at first)
    w ← w − α g / (√s + ε)
    """
    if not state:
        state["s"] = w.new_zeros(w.shape)
    s = state["s"].addcmul_(g, g)
    w.addcdiv_(g, s.sqrt().add_(eps), value=-lr)


def rmsprop(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
) -> None:
    """RMSprop: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning" (2012).

    s ← a s + (1 − a) g²         (s = 0 at first; a is ``alpha``)
    v ← μ v + g / (√s + ε)       (v = 0 at first)
    w ← w − α v

    Without momentum v is g / (√s + ε).
    """
    if not state:
        state.update(s=w.new_zeros(w.shape), v=w.new_zeros(w.shape))
    s, v = state["s"], state["v"]
    s.mul_(alpha).addcmul_(g, g, value=1 - alpha)
    root = s.sqrt().add_(eps)
    if momentum:
        v.mul_(momentum).addcdiv_(g, root)
        w.add_(v, alpha=-lr)
    else:
        w.addcdiv_(g, root, value=-lr)


def adam(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: float = 1e-3,
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
        state.update(t=0, m=w.new_zeros(w.shape), s=w.new_zeros(w.shape))
    state["t"] += 1
    t, m, s = state["t"], state["m"], state["s"]
    beta1, beta2 = betas
    m.lerp_(g, 1 - beta1)
    s.mul_(beta2).addcmul_(g, g, value=1 - beta2)
    root = s.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)
    w.addcdiv_(m, root, value=-lr / (1 - beta1**t))


def adamw(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    """AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2.

    w ← w − α λ w, then Adam's update without weight decay. As in ``torch.optim.AdamW``, α scales the decay;
    in the paper's algorithm it does not.
    """
    w.mul_(1 - lr * weight_decay)
    adam(w, g, state, lr=lr, betas=betas, eps=eps)


class Optimizer(NamedTuple):
    """A rule, and the name of its class in ``torch.optim``, if any, whose hyperparameters have the same names."""

    rule: Callable[..., None]
    torch: str | None = None


# An entry adds an optimizer to config.yaml. Its hyperparameters are what its rule takes after w, g and state.
OPTIMIZERS = {
    "sgd": Optimizer(sgd, "SGD"),
    "adagrad": Optimizer(adagrad, "Adagrad"),
    "rmsprop": Optimizer(rmsprop, "RMSprop"),
    "adam": Optimizer(adam, "Adam"),
    "adamw": Optimizer(adamw, "AdamW"),
}


def defaults(optimizer: str) -> dict[str, Any]:
    """The hyperparameters of an optimizer with their defaults: a pair as a list, None if there is no default."""
    parameters = list(inspect.signature(OPTIMIZERS[optimizer].rule).parameters.values())[3:]  # after w, g and state
    values = {p.name: None if p.default is inspect.Parameter.empty else p.default for p in parameters}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def torch_class(optimizer: str) -> type:
    """The class of ``torch.optim`` that an optimizer is compared with; ValueError if it has none."""
    import torch

    name = OPTIMIZERS[optimizer].torch
    if name is None:
        raise ValueError(f"torch.optim has no class for {optimizer}")
    return getattr(torch.optim, name)


def make_step(
    implementation: str, optimizer: str, parameters: Iterable[Tensor], **hyperparameters: Any
) -> Callable[[], None]:
    """Return a function that updates ``parameters`` once by their gradients, ``.grad``, and clears these.

    ``implementation`` is ``custom`` or ``torch``, ``optimizer`` a key of ``OPTIMIZERS``.
    """
    if implementation == "custom":
        return make_stacked_step(optimizer, parameters, [hyperparameters])

    torch_optimizer = torch_class(optimizer)(parameters, **hyperparameters)

    def step() -> None:
        torch_optimizer.step()
        torch_optimizer.zero_grad()

    return step


def make_stacked_step(
    optimizer: str, parameters: Iterable[Tensor], settings: list[dict[str, Any]]
) -> Callable[[], None]:
    """As ``make_step`` with the rule from scratch, for a stack of networks with different hyperparameters.

    The stack is cut along its first axis into equal parts, one for each of the ``settings``.
    """
    import torch

    rule = OPTIMIZERS[optimizer].rule
    parameters = list(parameters)
    states: list[list[State]] = [[{} for _ in settings] for _ in parameters]

    def parts(stack: Tensor) -> Iterable[Tensor]:
        return stack.chunk(len(settings)) if len(settings) > 1 else [stack]

    @torch.no_grad()
    def step() -> None:
        for w, its_states in zip(parameters, states):
            assert w.grad is not None
            for part, g, state, hyperparameters in zip(parts(w), parts(w.grad), its_states, settings):
                rule(part, g, state, **hyperparameters)
            w.grad = None

    return step
