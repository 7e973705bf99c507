"""The lab's network, f(x) = W2 ρ(W1 ρ(W0 x + b0) + b1) + b2, and its initialization.

Many networks are evaluated at once: every parameter is stacked over seeds along its first axis,
so one batched matrix product serves them all. Each hidden size makes a hidden layer; the lab's
network has two.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from descent.train import matrix_product
from descent.train.seeds import INITIALIZATION, generator

PIXELS, CLASSES = 28 * 28, 10

Parameters = dict[str, Tensor]  # "W0", "b0", "W1", ... in the order of the layers


def forward(parameters: Parameters, images: Tensor, activation: str = "relu") -> Tensor:
    """Evaluate f for every seed; ρ is an activation of ``torch.nn.functional``.

    ``images`` is [batch, 784], the same for every seed, or [seeds, batch, 784].
    Returns the logits, [seeds, 10, batch]: as in the formula, an image is a column.
    """
    x = images.mT
    depth = len(parameters) // 2
    for layer in range(depth):
        x = layer_output(parameters[f"W{layer}"], parameters[f"b{layer}"], x)
        if layer < depth - 1:
            x = getattr(F, activation)(x)
    return x


def layer_output(W: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """W x + b for every seed: [seeds, n_out, batch].

    ``W`` is [seeds, n_out, n_in], ``b`` [seeds, n_out], and ``x`` [seeds, n_in, batch], or [n_in, batch] if the seeds
    share it. Then one product of all rows of W is a fifth faster than a batched one.
    """
    if x.dim() == 2:
        return matrix_product.affine(W.flatten(0, 1), x, b.flatten().unsqueeze(1)).unflatten(0, b.shape)
    return torch.baddbmm(b.unsqueeze(2), W, x)


def initialize(hidden: Sequence[int], seed: int) -> Parameters:
    """Draw one network's parameters on the CPU: w ~ N(0, 1/√n_in), b = 0.

    The second argument of N is the standard deviation: this is the variant of Xavier's
    initialization that the lab asks for (Glorot and Bengio, "Understanding the difficulty of
    training deep feedforward neural networks", 2010, have the variance 2 / (n_in + n_out)).
    ``hidden`` are the sizes of the hidden layers. ``W{i}`` is [n_out, n_in], as in
    ``torch.nn.Linear``, ``b{i}`` is [n_out]. Networks of other sizes draw other numbers from the same seed.
    """
    stream = generator(seed, INITIALIZATION, *hidden)
    sizes = [PIXELS, *hidden, CLASSES]
    parameters = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        parameters[f"W{layer}"] = torch.randn(n_out, n_in, generator=stream) / math.sqrt(n_in)
        parameters[f"b{layer}"] = torch.zeros(n_out)
    return parameters


def stack(networks: Sequence[Parameters]) -> Parameters:
    """Stack networks of one shape along a new first axis."""
    return {name: torch.stack([network[name] for network in networks]) for name in networks[0]}
