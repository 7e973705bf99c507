"""Random numbers: each use of a seed has a separate stream, so that no use repeats another's numbers."""

import torch
from numpy.random import SeedSequence

INITIALIZATION, SHUFFLING, OPTIMIZER = range(3)


def generator(seed: int, *use: int) -> torch.Generator:
    """A generator on the CPU for one ``use`` of ``seed``: the same arguments always give the same numbers.

    NumPy's SeedSequence mixes seed and use into the state that PyTorch's generator starts from.
    """
    (state,) = SeedSequence(seed, spawn_key=use).generate_state(1)
    return torch.Generator().manual_seed(int(state))
