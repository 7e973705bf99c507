"""The figures of a network: from this list come the outputs of a rule, what is drawn, and what the page shows."""

from collections.abc import Iterable
from typing import Literal, NamedTuple


def files(names: Iterable[str]) -> list[str]:
    """The files of figures: each as PNG for a page and a slide, and as PDF for a report in LaTeX."""
    return [f"{name}.{form}" for name in names for form in ("png", "pdf")]


class Figure(NamedTuple):
    """NAME.png and NAME.pdf in the network's folder."""

    name: str
    kind: Literal["all", "test", "twins", "alone"]
    variants: list[str]
    title: str  # after the names of the network and the data
    caption: str


SAWTOOTH = " The sawtooth repeats every epoch because the order of the minibatches is fixed."


def figures(
    variants: list[str], twins: Iterable[tuple[str, str]], smoothing: int = 1, shuffle: bool = False
) -> list[Figure]:
    """All variants, against the iteration and the epochs; each pair of twins; and each variant alone.

    A twin of PyTorch's has no figure alone: it is in the pair's.
    """
    pairs = list(twins)
    alone = [variant for variant in variants if variant not in (torch for _, torch in pairs)]
    smoothed = f"running means over {smoothing} iterations"
    overlaid = f"Training loss and accuracy, {smoothed}: mean and ± one standard deviation over seeds."
    return [
        Figure("curves", "all", variants, "training", overlaid + ("" if shuffle else SAWTOOTH)),
        Figure("test", "test", variants, "test", "Test loss and accuracy after each epoch; dotted: training loss."),
        *(
            Figure(
                f"{custom}+{torch}",
                "twins",
                [custom, torch],
                f"training of the twins {custom} and {torch}",
                f"{custom} and {torch}, {smoothed}: they coincide where the circles lie on the line.",
            )
            for custom, torch in pairs
        ),
        *(
            Figure(
                f"{name}/curves",
                "alone",
                [name],
                f"training of {name}",
                f"{name}, with every minibatch, and {smoothed}.",
            )
            for name in alone
        ),
    ]
