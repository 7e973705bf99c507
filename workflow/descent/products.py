"""Matrix products, at the rate that the processor reaches.

On the CPU PyTorch leaves float32 products to Intel's MKL, which holds back on other makers' processors: on AMD's those
that are large go to oneDNN instead, whose kernels do not.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor


def product(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product a b of a [m, k] and b [k, n]: [m, n]."""
    return onednn_product(a, b) if a.dtype == torch.float32 and a.is_cpu and onednn_is_faster() else a @ b


def onednn_product(a: Tensor, b: Tensor) -> Tensor:
    """The same by oneDNN; an operator of PyTorch that is not public, for a (bᵀ)ᵀ without a bias or an activation."""
    return torch.ops.mkldnn._linear_pointwise(a, b.mT, None, "none", [], "")


@cache
def onednn_is_faster() -> bool:
    """Whether this is an AMD processor, with a PyTorch whose oneDNN can be called and multiplies right."""
    try:
        if "AuthenticAMD" not in Path("/proc/cpuinfo").read_text():
            return False
        a, b = torch.ones(2, 3), torch.ones(3, 4)
        return torch.equal(onednn_product(a, b), a @ b)
    except (AttributeError, OSError, RuntimeError):  # another PyTorch, or another system
        return False
