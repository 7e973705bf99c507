"""The colours of all figures, their notes, and how they are saved."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from descent.files import written_whole

# Okabe and Ito, "Color universal design" (2008), for the colour-blind too; without yellow, which is too pale for a
# line, and with grey in place of black, which a dark page would hide.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F7F7F"]


def note(figure: Figure, text: str) -> None:
    """Say below a figure what it shows."""
    figure.supxlabel(text, fontsize=9, color="0.35")


def save(figure: Figure, png: str | Path, svg: str | Path) -> None:
    """Save ``figure`` as SVG and PNG; the same figure gives the same bytes."""
    with matplotlib.rc_context({"svg.hashsalt": "descent"}), written_whole(svg) as unfinished:
        figure.savefig(unfinished, metadata={"Date": None})
    figure.set_layout_engine(None)  # keep the layout of the SVG
    with written_whole(png) as unfinished:
        figure.savefig(unfinished, dpi=150)
