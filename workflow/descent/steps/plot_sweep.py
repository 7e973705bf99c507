"""Draw a sweep: a heat map of final test accuracy, and accuracy against the learning rate."""

import json
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from descent.figures import COLOURS, save
from descent.steps import command_line

# Accuracies crowd below 100 %, so both figures are drawn in the error, 1 − accuracy, on a logarithmic scale.
CHANCE, LEAST_ERROR = 0.9, 1e-4  # of a network that guesses; one of the 10,000 test images
TICKS = [0.9, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001]


def accuracy_of(error: float, _: object = None) -> str:
    return f"{100 * (1 - error):g} %"


def others(summary: pd.DataFrame, hyperparameters: list[str]) -> dict[str, pd.DataFrame]:
    """The points of each setting of all hyperparameters but ``lr``, under the setting's name."""
    varied = [h for h in hyperparameters if h != "lr" and summary[h].nunique() > 1]
    if not varied:
        return {"": summary}
    return {
        ", ".join(
            f"{h} {value:g}" if isinstance(value, float | int) else f"{h} {value}" for h, value in zip(varied, key)
        ): rows
        for key, rows in summary.groupby(varied, sort=False)
    }


def is_marked(point: pd.Series, marks: list[dict]) -> bool:
    """Whether a point of the grid is one of ``marks``."""
    values = {h: json.loads(value) if isinstance(value, str) else value for h, value in point.items()}
    return any(
        all(np.allclose(values[h], mark[h], rtol=1e-5, atol=0) if mark[h] else not values[h] for h in values)
        for mark in marks
    )


def heat_map(summary: pd.DataFrame, hyperparameters: list[str], marks: list[dict]) -> Figure:
    """Final test accuracy, one row per setting of the other hyperparameters, a column a learning rate."""
    rows = others(summary, hyperparameters)
    rates = sorted(summary["lr"].unique())
    figure = Figure(figsize=(max(6, 0.78 * len(rates) + 3), max(2.4, 0.62 * len(rows) + 1.6)), layout="constrained")
    panel = figure.subplots()
    error = np.full((len(rows), len(rates)), np.nan)
    panel.set_facecolor("0.85")
    for i, points in enumerate(rows.values()):
        for _, point in points.iterrows():
            j = rates.index(point["lr"])
            if point["lost_seeds"]:
                panel.text(j, i, f"✕ {point['lost_seeds']}/{point['seeds']}", ha="center", va="center", fontsize=8)
                continue
            error[i, j] = max(1 - point["test_accuracy_mean"], LEAST_ERROR)
    norm = LogNorm(np.nanmin(error, initial=CHANCE / 2), CHANCE, clip=True)
    image = panel.imshow(error, norm=norm, cmap="viridis_r", aspect="auto")
    for (i, j), value in np.ndenumerate(error):
        if np.isfinite(value):
            ink = "k" if norm(value) < 0.5 else "w"
            panel.text(j, i, f"{100 * (1 - value):.1f}", ha="center", va="center", fontsize=8, color=ink)
    for i, points in enumerate(rows.values()):
        for _, point in points.iterrows():
            place = (rates.index(point["lr"]), i)
            if point["best"]:
                panel.add_patch(box(place, 0.93, "#D55E00", "-"))
            if is_marked(point[hyperparameters], marks):
                panel.add_patch(box(place, 0.75, "white", "-"))
                panel.add_patch(box(place, 0.75, "black", (0, (3, 2))))
    panel.set_xticks(range(len(rates)), [f"{rate:.3g}" for rate in rates], rotation=45)
    panel.set_yticks(range(len(rows)), list(rows))
    panel.set_xlabel("learning rate")
    bar = figure.colorbar(image, ticks=[t for t in TICKS if norm.vmin <= t <= norm.vmax], format=accuracy_of)
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.invert_yaxis()
    bar.set_label("test accuracy")
    figure.supxlabel(
        "box: the best; dashed: a variant of config.yaml; ✕: seeds that diverged or only guess",
        fontsize=9,
        color="0.35",
    )
    return figure


def box(cell: tuple[float, float], size: float, colour: str, style: object) -> Rectangle:
    """A frame within a cell of the heat map, of a ``size`` in cells."""
    corner = [centre - size / 2 for centre in cell]
    return Rectangle(corner, size, size, fill=False, edgecolor=colour, linewidth=2, linestyle=style)


def sensitivity(summary: pd.DataFrame, hyperparameters: list[str]) -> Figure:
    """Test accuracy against the learning rate, a line a setting of the others, with one standard deviation."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    panel = figure.subplots()
    looks = ((colour, dash) for dash in cycle(["-", "--", ":"]) for colour in COLOURS)
    for (colour, dash), (label, points) in zip(looks, others(summary, hyperparameters).items()):
        points = points.sort_values("lr")
        error, std = 1 - points["test_accuracy_mean"], points["test_accuracy_std"]
        look = {"color": colour, "linestyle": dash, "marker": "o", "markersize": 4}
        panel.plot(points["lr"], error.clip(LEAST_ERROR), label=label or None, **look)
        band = (error - std).clip(LEAST_ERROR), (error + std).clip(LEAST_ERROR, 1)
        panel.fill_between(points["lr"], *band, color=colour, alpha=0.2, linewidth=0)
        lost = points[points["lost_seeds"] > 0]
        panel.plot(lost["lr"], [CHANCE] * len(lost), "X", color=colour, markersize=7)
    panel.set_xscale("log")
    panel.set_yscale("log")
    best = max((1 - summary["test_accuracy_mean"]).min(), LEAST_ERROR)
    panel.set_ylim(1, 0.7 * best if best < CHANCE else 0.5)
    panel.yaxis.set_major_locator(FixedLocator(TICKS))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(accuracy_of))
    panel.set_xlabel("learning rate")
    panel.set_ylabel("test accuracy")
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    if len(panel.get_legend_handles_labels()[0]):
        panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.supxlabel(
        "line: mean over seeds, band: ± one standard deviation, ✕: a seed diverged or only guesses",
        fontsize=9,
        color="0.35",
    )
    return figure


def main() -> None:
    parser = command_line(__doc__, "Draws heat_map and sensitivity, as .svg and .png, into the folder.")
    parser.add_argument("--results", type=Path, required=True, help="the folder with summarize_sweep's tables")
    parser.add_argument("--hyperparameters", nargs="+", required=True, help="the columns that are the grid's axes")
    parser.add_argument("--marks", type=json.loads, required=True, metavar="JSON", help="points to mark, a list")
    arguments = parser.parse_args()

    summary = pd.read_csv(arguments.results / "summary.csv")
    save(heat_map(summary, arguments.hyperparameters, arguments.marks), arguments.results / "heat_map")
    save(sensitivity(summary, arguments.hyperparameters), arguments.results / "sensitivity")


if __name__ == "__main__":
    main()
