"""The lab's network, f(x) = W2 ρ(W1 ρ(W0 x + b0) + b1) + b2 with ρ = relu, and its initialization.

Many networks are evaluated at once: every parameter is stacked over seeds along its first axis,
so one batched matrix product serves them all. A network has as many hidden layers as it is given
hidden sizes; the lab's has two.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from descent.products import product

PIXELS, CLASSES = 28 * 28, 10

Parameters = dict[str, torch.Tensor]  # "W0", "b0", "W1", ... in the order of the layers


def forward(parameters: Parameters, images: torch.Tensor) -> torch.Tensor:
    """Evaluate f for every seed.

    ``images`` is [batch, 784], the same for every seed, or [seeds, batch, 784].
    Returns the logits, [seeds, 10, batch]: as in the formula, an image is a column.
    """
    return activations(parameters, images)[-1]


def activations(parameters: Parameters, images: torch.Tensor) -> list[torch.Tensor]:
    """What goes into each layer, the images [784, batch] or [seeds, 784, batch] first, and what comes out: the logits.

    Of a hidden layer it is ρ(W x + b), [seeds, n_out, batch].
    """
    depth = len(parameters) // 2
    x = images.mT
    found = [x]
    for layer in range(depth):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]  # [seeds, n_out, n_in], [seeds, n_out]
        if x.dim() == 2:  # W x + b where the seeds share x: one product of all rows, a fifth faster than a batched one
            x = product(W.flatten(0, 1), x).unflatten(0, b.shape).add_(b.unsqueeze(2))
        else:
            x = torch.baddbmm(b.unsqueeze(2), W, x)  # W x + b: [seeds, n_out, batch]
        if layer < depth - 1:
            x = x.relu_()
        found.append(x)
    return found


def initialize(hidden: Sequence[int], seed: int) -> Parameters:
    """Draw one network's parameters on the CPU: w ~ N(0, 1/√n_in), b = 0.

    The second argument of N is the standard deviation: this is the variant of Xavier's
    initialization that the lab asks for (Glorot and Bengio, "Understanding the difficulty of
    training deep feedforward neural networks", 2010, have the variance 2 / (n_in + n_out)).
    ``hidden`` are the sizes of the hidden layers. ``W{i}`` is [n_out, n_in], as in
    ``torch.nn.Linear``, ``b{i}`` is [n_out].
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = [PIXELS, *hidden, CLASSES]
    parameters = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        parameters[f"W{layer}"] = torch.randn(n_out, n_in, generator=generator) / math.sqrt(n_in)
        parameters[f"b{layer}"] = torch.zeros(n_out)
    return parameters


def stack(networks: Sequence[Parameters]) -> Parameters:
    """Stack networks of one shape along a new first axis."""
    return {name: torch.stack([network[name] for network in networks]) for name in networks[0]}
