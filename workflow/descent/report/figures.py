"""The figures of a network: from this list come the outputs of a rule, what is drawn, and what the page shows."""

from collections.abc import Iterable
from typing import Literal, NamedTuple


class Figure(NamedTuple):
    """NAME.png in the network's folder, and NAME.svg in .intermediate/, for the page."""

    name: str
    kind: Literal["all", "test", "twins", "alone"]
    variants: list[str]
    title: str  # after the names of the network and the data
    caption: str
    file: str = ""  # what is drawn, below the network's folder


OVERLAID = (
    "Training loss and accuracy against the iteration. Variants that are the same to the bit have one line; otherwise "
    "a broad pale line is a custom variant, a thin dashed one PyTorch's. A cross marks where a seed diverged."
)
SAWTOOTH = " The sawtooth repeats every epoch because the order of the minibatches is fixed."


def figures(variants: list[str], twins: Iterable[tuple[str, str]], shuffle: bool = False) -> list[Figure]:
    """All variants, against the iteration and the epochs; each pair of twins; and each variant alone.

    A twin of PyTorch's has no figure alone: it is in the pair's.
    """
    pairs = list(twins)
    alone = [variant for variant in variants if variant not in (torch for _, torch in pairs)]
    return [
        Figure("curves", "all", variants, "training", OVERLAID + ("" if shuffle else SAWTOOTH), "VARIANT/training.csv"),
        Figure("test", "test", variants, "test", "Test loss and accuracy after each epoch.", "VARIANT/evaluation.csv"),
        *(
            Figure(
                f"{custom}+{torch}",
                "twins",
                [custom, torch],
                f"training of the twins {custom} and {torch}",
                f"{custom} and {torch}: they coincide where the dashed line lies on the pale one.",
            )
            for custom, torch in pairs
        ),
        *(
            Figure(f"{name}/curves", "alone", [name], f"training of {name}", f"{name}, with every minibatch.")
            for name in alone
        ),
    ]
