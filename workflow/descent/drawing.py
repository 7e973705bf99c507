"""The lines of all figures, the scale of accuracies, and how figures are saved."""

import json
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from descent.files import written_whole
from descent.run import Run

# Of Okabe and Ito, "Color universal design" (2008), for the colour-blind too, those with a contrast of 3 to 1 with both
# white and the dark page's ground; and a grey. The sixth line has the first colour again, dashed.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F"]
DASHES: list[tuple[float, ...]] = [(), (5, 2), (1, 1.5)]
GREY = "#8C8C8C"  # of what is beneath a line

LEAST_ERROR = 1e-4  # one of 10,000 images
ERRORS = [0.9, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001]
MORE_ERRORS = [0.7, 0.4, 0.3, 0.15, 0.08, 0.06, 0.04, 0.025, 0.015, 0.0125, 0.007, 0.004, 0.003]


class Style(NamedTuple):
    colour: str
    dash: tuple[float, ...]  # lengths of lines and gaps; empty if solid

    @property
    def line(self) -> dict[str, Any]:
        """For matplotlib."""
        return {"color": self.colour, "linestyle": (0, self.dash) if self.dash else "-"}


def styles() -> Iterator[Style]:
    return (Style(colour, dash) for dash, colour in product(DASHES * 9, COLOURS))


def styles_of(runs: Mapping[str, Run]) -> dict[str, Style]:
    """By variant; those that differ only in their implementation share a style."""
    keys = ("optimizer", "hyperparameters", "schedule", "warmup")
    means = {name: json.dumps([run.record[key] for key in keys], sort_keys=True) for name, run in runs.items()}
    found = dict(zip(dict.fromkeys(means.values()), styles()))
    return {name: found[its] for name, its in means.items()}


def bare(panel: Axes) -> None:
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def error(accuracy: Any) -> Any:
    """1 − accuracy, on a logarithmic scale of which accuracies below 100 % do not crowd; at least LEAST_ERROR."""
    return np.maximum(1 - accuracy, LEAST_ERROR)


def scale_of_errors(panel: Axes, axis: Literal["x", "y"], worst: float, best: float) -> None:
    """Let an axis show accuracies on the scale of their errors, from the ``worst`` error up to the ``best``."""
    getattr(panel, f"set_{axis}scale")("log")
    worst, best = min(1, 1.1 * worst), best / 1.1
    getattr(panel, f"set_{axis}lim")(worst, best)
    its = getattr(panel, f"{axis}axis")
    ticks = [error for error in (ERRORS if worst > 10 * best else ERRORS + MORE_ERRORS) if best <= error <= worst]
    its.set_major_locator(FixedLocator(sorted(ticks)) if len(ticks) > 1 else MaxNLocator(4))
    its.set_minor_locator(NullLocator())
    its.set_major_formatter(lambda value, _: f"{100 * (1 - value):.6g} %")


def note(figure: Figure, text: str) -> None:
    """Say below a figure what it shows."""
    figure.supxlabel(text, fontsize=9, color="0.35")


def save(figure: Figure, stem: Path) -> None:
    """Save ``figure`` as STEM.png and STEM.pdf; the same figure gives the same bytes."""
    for form, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
        with written_whole(f"{stem}.{form}") as unfinished:
            figure.savefig(unfinished, dpi=200, metadata=metadata)
        figure.set_layout_engine(None)  # the second has the layout of the first
