"""The update rules: each one from scratch, beside the ``torch.optim`` class that it is compared with.

The symbols are the lab's: w a parameter, g = ∇_w CE(f(w, X), Y) its gradient on a minibatch,
α the learning rate (``lr``), μ the momentum, v the velocity; and λ is the weight decay. A rule updates
one parameter of any shape in place, element by element, so it serves a stack of networks as it serves
one. What a rule remembers between iterations it keeps in ``state``, which is empty before the first. (Only if
that is in tensors beside w, and changed in place, ``v.mul_(μ)``, can a GPU replay it: ``cuda_graph.py``.)

A hyperparameter is a number, or where the networks of a stack are to differ in it, a tensor with one number for each
of them, [runs, 1, ...].

Each line of a formula is one line of its code, with PyTorch's fused operations in the order in which
``torch.optim`` has them: on a CPU twins then agree to the bit.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, optim

State = dict[str, Any]
Number = float | Tensor


def sgd(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: Number,
    momentum: Number = 0.0,
    weight_decay: Number = 0.0,
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
    if is_given(weight_decay):
        g = add_(g.clone(), weight_decay, w)
    v = g
    if is_given(momentum):
        if not state:
            state["v"] = torch.zeros_like(w)
        v = state["v"].mul_(momentum).add_(g)
    if nesterov:
        v = add_(g.clone(), momentum, v)
    add_(w, -lr, v)


def adagrad(w: Tensor, g: Tensor, state: State, *, lr: Number, eps: Number = 1e-10) -> None:
    """Adagrad: Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011), the diagonal form.

    s ← s + g²         (s = 0 at first)
    w ← w − α g / (√s + ε)
    """
    if not state:
        state["s"] = torch.zeros_like(w)
    s = state["s"].addcmul_(g, g)
    add_quotient_(w, -lr, g, s.sqrt().add_(eps))


def rmsprop(
    w: Tensor, g: Tensor, state: State, *, lr: Number, alpha: Number = 0.99, eps: Number = 1e-8, momentum: Number = 0.0
) -> None:
    """RMSprop: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning" (2012).

    s ← a s + (1 − a) g²         (s = 0 at first; a is ``alpha``)
    v ← μ v + g / (√s + ε)       (v = 0 at first)
    w ← w − α v

    Without momentum v is g / (√s + ε).
    """
    if not state:
        state.update(s=torch.zeros_like(w), v=torch.zeros_like(w) if is_given(momentum) else None)
    s, v = state["s"], state["v"]
    add_product_(s.mul_(alpha), 1 - alpha, g, g)
    root = s.sqrt().add_(eps)
    if is_given(momentum):
        v.mul_(momentum).addcdiv_(g, root)
        add_(w, -lr, v)
    else:
        add_quotient_(w, -lr, g, root)


def adam(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: Number,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
) -> None:
    """Adam: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1.

    g ← g + λ w
    m ← β1 m + (1 − β1) g        (m = 0 at first)
    s ← β2 s + (1 − β2) g²       (s = 0 at first)
    w ← w − α m̂ / (√ŝ + ε)       with m̂ = m / (1 − β1^t) and ŝ = s / (1 − β2^t) in iteration t = 1, 2, ...
    """
    if is_given(weight_decay):
        g = add_(g.clone(), weight_decay, w)
    if not state:
        state.update(t=zero(w), m=torch.zeros_like(w), s=torch.zeros_like(w))
    state["t"] += 1
    t, m, s = state["t"], state["m"], state["s"]
    beta1, beta2 = betas
    m.lerp_(g, 1 - beta1)
    add_product_(s.mul_(beta2), 1 - beta2, g, g)
    root = s.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)
    add_quotient_(w, -lr / (1 - beta1**t), m, root)


def adamw(
    w: Tensor,
    g: Tensor,
    state: State,
    *,
    lr: Number,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0.01,
) -> None:
    """AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2.

    w ← w − α λ w, and then Adam's update without weight decay. As in ``torch.optim.AdamW`` the decay is
    scaled by the learning rate, which the paper's algorithm leaves out.
    """
    w.mul_(1 - lr * weight_decay)
    adam(w, g, state, lr=lr, betas=betas, eps=eps)


def is_given(a: Number) -> bool:
    """Whether a hyperparameter has an effect: 0 has none; a tensor may hold other numbers."""
    return isinstance(a, Tensor) or a != 0


def zero(w: Tensor) -> Number:
    """0 to count from: a number, but for ``w`` on a GPU a tensor there, as a CUDA graph cannot count in Python."""
    return torch.zeros((), dtype=torch.float64, device=w.device) if w.is_cuda else 0


def add_(x: Tensor, a: Number, y: Tensor) -> Tensor:
    """x ← x + a y."""
    return x.addcmul_(a, y) if isinstance(a, Tensor) else x.add_(y, alpha=a)


def add_product_(x: Tensor, a: Number, y: Tensor, z: Tensor) -> Tensor:
    """x ← x + a y z."""
    return x.addcmul_(a * y, z) if isinstance(a, Tensor) else x.addcmul_(y, z, value=a)


def add_quotient_(x: Tensor, a: Number, y: Tensor, z: Tensor) -> Tensor:
    """x ← x + a y / z."""
    return x.addcdiv_(a * y, z) if isinstance(a, Tensor) else x.addcdiv_(y, z, value=a)


class Step(NamedTuple):
    """What takes one step down the gradients when it is called, and what it remembers, a dictionary a parameter."""

    take: Callable[[], None]
    states: Iterable[State]

    def __call__(self) -> None:
        self.take()


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


def make_step(implementation: str, optimizer: str, parameters: Iterable[Tensor], **hyperparameters: Any) -> Step:
    """Return what takes one step down the gradients and clears them.

    ``implementation`` is ``custom`` or ``torch``, ``optimizer`` a key of ``OPTIMIZERS``. The step
    reads the ``.grad`` of every parameter, where ``backward()`` would leave it. For ``custom`` a hyperparameter may be
    a tensor [runs], where each parameter is a stack of as many networks.
    """
    parameters = list(parameters)
    if implementation == "torch":
        torch_optimizer = OPTIMIZERS[optimizer].torch(parameters, **hyperparameters)

        def step() -> None:
            torch_optimizer.step()
            torch_optimizer.zero_grad()

        return Step(step, torch_optimizer.state.values())

    rule = OPTIMIZERS[optimizer].custom
    states = [{} for _ in parameters]
    each_hyperparameters = [
        {name: beside(w, hyperparameter) for name, hyperparameter in hyperparameters.items()} for w in parameters
    ]

    @torch.no_grad()
    def step() -> None:
        for w, state, its_hyperparameters in zip(parameters, states, each_hyperparameters):
            rule(w, w.grad, state, **its_hyperparameters)
            w.grad = None

    return Step(step, states)


def beside(w: Tensor, hyperparameter: Any) -> Any:
    """A hyperparameter as a rule takes it for ``w``: a tensor [runs] as [runs, 1, ...]; others as they are."""
    if isinstance(hyperparameter, tuple | list):
        return tuple(beside(w, entry) for entry in hyperparameter)
    if isinstance(hyperparameter, Tensor):
        return hyperparameter.to(w).reshape(-1, *[1] * (w.dim() - 1))
    return hyperparameter
