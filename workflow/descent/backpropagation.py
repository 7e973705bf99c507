"""The gradients of the loss by the chain rule, layer by layer: what ``loss.backward()`` finds, in fewer operations."""

import torch

from descent.network import Parameters
from descent.products import product


def gradients(parameters: Parameters, activations: list[torch.Tensor], onehot: torch.Tensor) -> Parameters:
    """The gradient of each seed's mean cross entropy on a minibatch, for every parameter.

    δ = (softmax(z) − y) / batch               at the logits z; y has 1 at the label, and else 0

    and from the last layer, z = W x + b, to the first

    ∂/∂W = δ xᵀ,  ∂/∂b = δ summed over the batch
    δ ← Wᵀ δ ⊙ ρ'                              at the layer below; ρ' is 1 where x = ρ(·) > 0, and else 0

    (Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986.)

    ``activations`` are those of ``network.activations``; ``onehot``, y, is [10, batch], or [seeds, 10, batch].
    """
    *inputs, logits = activations
    delta = logits.softmax(1).sub_(onehot).div_(logits.shape[2])  # [seeds, 10, batch]
    found = {}
    for layer, x in reversed(list(enumerate(inputs))):
        W = parameters[f"W{layer}"]
        found[f"b{layer}"] = delta.sum(2)
        if x.dim() == 2:  # the images, which the seeds share
            found[f"W{layer}"] = product(delta.flatten(0, 1), x.mT).view_as(W)
        else:
            found[f"W{layer}"] = delta @ x.mT
        if layer > 0:
            delta = (W.mT @ delta).mul_(x.sign())
    return found
