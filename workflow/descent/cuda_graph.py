"""CUDA graphs: all operations of an epoch in one launch, where each would wait for Python to launch it."""

from collections.abc import Callable, Iterable
from typing import Any

import torch

MOST_MINIBATCHES = 2000  # minibatches in a graph, of 50 to 100 operations each: a guess, until a GPU was asked


def recorded(work: Callable[[], None], states: Iterable[dict[str, Any]], minibatches: int) -> Callable[[], None]:
    """Record ``work`` as a CUDA graph, and return the function that replays it.

    A replay does on the GPU what ``work`` did when it was recorded, in the same memory, and runs none of its Python
    code. So what changes from one call to the next must be in tensors on the GPU, and be changed in place. ``states``
    are what ``work`` keeps from call to call: if they show that it does otherwise, or if it waits for the GPU or has
    very many ``minibatches``, it is returned as it is, with a line that says why; and on a CPU, without. ``work`` must
    have run before, so that what its first call sets up is there; recording changes nothing.

    As in https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
    """
    states = list(states)
    before = [dict(state) for state in states]
    on_gpu = [is_on_gpu(value) for state in states for value in state.values() if value is not None]
    if not any(on_gpu):
        return work
    if minibatches > MOST_MINIBATCHES:
        reason = f"{minibatches} minibatches an epoch are more than the {MOST_MINIBATCHES} that are recorded"
    elif not all(on_gpu):
        reason = "something is kept from one iteration to the next that is no tensor on the GPU"
    else:
        try:
            replay = capture(work)
            if all(is_same(state, old) for state, old in zip(states, before)):
                return replay
            reason = "what is kept from one iteration to the next is not changed in place"
        except RuntimeError as error:
            reason = error.__context__ or error
        for state, old in zip(states, before):
            state.clear()
            state.update(old)
    print(f"training without a CUDA graph, which is slower: {reason}")
    return work


def is_on_gpu(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_cuda


def is_same(state: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two dictionaries have the same objects by the same names."""
    return state.keys() == other.keys() and all(state[name] is other[name] for name in state)


def capture(work: Callable[[], None]) -> Callable[[], None]:
    """Capture what ``work`` does on the GPU, which is not done now; RuntimeError says why that could not be."""
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    try:
        with torch.cuda.graph(graph):
            work()
    finally:
        torch.cuda.set_stream(stream)  # where work raises, some versions of PyTorch stay on the graph's own
    return graph.replay
