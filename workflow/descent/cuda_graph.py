"""CUDA graphs: a GPU does a small network's operations in less time than Python takes to launch them one by one."""

from collections.abc import Callable, Iterable
from typing import Any

import torch


def recorded(work: Callable[[], None], memories: Iterable[dict[str, Any]]) -> Callable[[], None]:
    """Record ``work`` as a CUDA graph, and return the function that replays it: one launch for all its operations.

    A replay does on the GPU what ``work`` did when it was recorded, in the same memory, and runs none of its Python
    code. So what changes from one call to the next must be in tensors on the GPU. ``memories`` are what ``work``
    keeps from call to call: where anything in them is elsewhere, a count in Python or all of it on the CPU, ``work``
    is returned as it is. It must have run before, so that what its first call sets up is there; recording changes
    no tensor.

    As in https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
    """
    kept = [value for memory in memories for value in memory.values() if value is not None]
    if not all(isinstance(value, torch.Tensor) and value.is_cuda for value in kept):
        return work
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    try:
        with torch.cuda.graph(graph):
            work()
    except RuntimeError as error:
        torch.cuda.set_stream(stream)  # some versions of PyTorch stay on the one that they recorded
        print(f"no CUDA graph could be recorded, so each operation is launched by itself, which is slower: {error}")
        return work
    return graph.replay
