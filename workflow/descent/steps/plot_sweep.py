"""Plot a sweep: accuracy against the learning rate, and heat maps of grids with several axes."""

import json
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from descent import sweep
from descent.figures import COLOURS, note, save
from descent.runs import read_table
from descent.steps import command_line
from descent.variants import name_of

# Accuracies crowd below 100 %, so all figures use a logarithmic scale of the error, 1 − accuracy.
LARGEST_ERROR, LEAST_ERROR = 0.9, 1e-4  # of a network that guesses; one of 10,000 images
TICKS = [0.9, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001]


def accuracy_of(error: float, _: object = None) -> str:
    return f"{100 * (1 - error):g} %"


def error(accuracy: pd.Series) -> pd.Series:
    return (1 - accuracy).clip(LEAST_ERROR)


def looks(optimizers: list[str]) -> dict[str, dict]:
    """A colour and a dash for each optimizer, the same in all figures."""
    styles = ({"color": colour, "linestyle": dash} for dash in cycle(["-", "--", ":"]) for colour in COLOURS)
    return dict(zip(optimizers, styles))


def accuracy_axis(panel: Axes, best: float) -> None:
    """Label the vertical axis of errors with accuracies; ``best`` is the smallest error drawn."""
    panel.set_yscale("log")
    panel.set_ylim(1, 0.8 * best if best < LARGEST_ERROR else 0.5)
    panel.yaxis.set_major_locator(FixedLocator(TICKS))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(accuracy_of))
    panel.set_ylabel("validation accuracy")
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def plot_sensitivity(trials: pd.DataFrame, defaults: dict[str, str]) -> Figure:
    """Validation accuracy against the learning rate, one line per optimizer: the best of the other hyperparameters."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    panel = figure.subplots()
    styles = looks(list(dict.fromkeys(trials["optimizer"])))
    for optimizer, its in trials.groupby("optimizer", sort=False):
        best, style = its.groupby("lr")["validation_accuracy_mean"].max(), styles[optimizer]
        panel.plot(best.index, error(best), marker="o", markersize=3, label=optimizer, **style)
        lost = best.index[best.isna()]
        panel.plot(lost, [LARGEST_ERROR] * len(lost), "X", color=style["color"], markersize=6)
        usual = its[its["trial"] == defaults[optimizer]]
        panel.plot(
            usual["lr"],
            error(usual["validation_accuracy_mean"]),
            "D",
            markersize=8,
            fillstyle="none",
            color=style["color"],
        )
    panel.set_xscale("log")
    accuracy_axis(panel, error(trials["validation_accuracy_mean"]).min())
    panel.set_xlabel("learning rate")
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    note(figure, "mean over seeds; diamond: the default setting; ✕: a seed diverged or only guesses")
    return figure


def heat_map(trials: pd.DataFrame, swept: list[str]) -> Figure:
    """Validation accuracy of one optimizer: a column per learning rate, a row per setting of the others ``swept``."""
    others = [name for name in swept if name != "lr"]
    rows = dict(tuple(trials.groupby(others, sort=False)))
    rates = sorted(trials["lr"].unique())
    figure = Figure(figsize=(max(8, 0.78 * len(rates) + 3), max(3, 0.62 * len(rows) + 1.6)), layout="constrained")
    panel = figure.subplots()
    panel.set_facecolor("0.85")
    errors = np.full((len(rows), len(rates)), np.nan)
    best = np.nanmin(error(trials["validation_accuracy_mean"]), initial=LARGEST_ERROR / 2)
    norm = LogNorm(best, LARGEST_ERROR, clip=True)
    for i, its in enumerate(rows.values()):
        for trial in its.itertuples():
            j = rates.index(trial.lr)
            text, colour = f"✕ {trial.lost_seeds}/{trial.seeds}", "k"
            if not trial.lost_seeds:
                errors[i, j] = max(1 - trial.validation_accuracy_mean, LEAST_ERROR)
                text, colour = f"{100 * trial.validation_accuracy_mean:.1f}", "k" if norm(errors[i, j]) < 0.5 else "w"
            weight = "bold" if trial.chosen else "normal"
            panel.text(j, i, text, ha="center", va="center", fontsize=8, color=colour, weight=weight)
    image = panel.imshow(errors, norm=norm, cmap="viridis_r", aspect="auto")
    panel.set_xticks(range(len(rates)), [f"{rate:.3g}" for rate in rates], rotation=45)
    panel.set_yticks(
        range(len(rows)), [", ".join(f"{name} {value}" for name, value in zip(others, key)) for key in rows]
    )
    panel.set_xlabel("learning rate")
    bar = figure.colorbar(image, ticks=[t for t in TICKS if best <= t <= LARGEST_ERROR], format=accuracy_of)
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.invert_yaxis()
    bar.set_label("validation accuracy")
    note(figure, "bold: chosen; ✕: seeds that diverged or only guess")
    return figure


def main() -> None:
    parser = command_line(__doc__, "Writes sensitivity and heat_map_OPTIMIZER, as .svg and .png, into the folder.")
    parser.add_argument("--results", type=Path, required=True, help="the folder with the table of choose")
    parser.add_argument("--grids", type=json.loads, required=True, metavar="JSON", help="the grid of each optimizer")
    arguments = parser.parse_args()
    results, grids = arguments.results, arguments.grids

    trials = read_table(results / "trials.csv")
    defaults = {optimizer: name_of(sweep.default(grid)) for optimizer, grid in grids.items()}
    save(plot_sensitivity(trials, defaults), results / "sensitivity")
    for optimizer, grid in grids.items():
        if len(sweep.swept(grid)) > 1:
            its = trials[trials["optimizer"] == optimizer]
            save(heat_map(its, sweep.swept(grid)), results / f"heat_map_{optimizer}")


if __name__ == "__main__":
    main()
