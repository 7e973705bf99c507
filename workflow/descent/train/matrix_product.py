"""Matrix products, by the faster of two libraries.

On a CPU, PyTorch computes float32 products with Intel's MKL, which does not use AVX-512 on AMD's processors. On those
that have it (Zen 4 and 5), oneDNN is up to twice as fast; on those that do not (Zen 3), MKL is faster.
"""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def affine(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """a b + c, of a [m, k], b [k, n] and c [m, 1]: [m, n]."""
    return Affine.apply(a, b, c) if a.is_cpu and onednn_is_faster() else torch.addmm(c, a, b)


class Affine(torch.autograd.Function):
    """``affine`` by oneDNN, if it can, with the derivative that PyTorch's operator for the product lacks."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return multiply(a, b).add_(c)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        """∂L/∂a = g bᵀ, ∂L/∂b = aᵀ g and ∂L/∂c = g 1, where g [m, n] is ∂L/∂(a b + c)."""
        (a, b), (wants_a, wants_b, _) = ctx.saved_tensors, ctx.needs_input_grad
        return multiply(g, b.mT) if wants_a else None, multiply(a.mT, g) if wants_b else None, g.sum(1, keepdim=True)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """a b, by oneDNN if both are float32 on the CPU."""
    return onednn_product(a, b) if a.dtype == torch.float32 and a.is_cpu else a @ b


def onednn_product(a: Tensor, b: Tensor) -> Tensor:
    """a b as a (bᵀ)ᵀ, by a private operator of PyTorch, without bias and activation."""
    return torch.ops.mkldnn._linear_pointwise(a, b.mT, None, "none", [], "")


@cache
def onednn_is_faster() -> bool:
    """Whether this is an AMD processor with AVX-512, and oneDNN can be called and multiplies correctly."""
    try:
        processor = Path("/proc/cpuinfo").read_text()
        if "AuthenticAMD" not in processor or "avx512f" not in processor:
            return False
        a, b = torch.ones(2, 3), torch.ones(3, 4)
        return torch.equal(onednn_product(a, b), a @ b)
    except (AttributeError, OSError, RuntimeError):  # another PyTorch, or another system
        return False
