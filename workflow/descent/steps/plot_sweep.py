"""Plot a sweep: the best of k trials, accuracy against the learning rate, and heat maps of grids with two axes."""

import json
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from descent import sweep
from descent.figures import COLOURS, save
from descent.settings import name_of
from descent.steps import command_line

# Accuracies crowd below 100 %, so all figures use a logarithmic scale of the error, 1 − accuracy.
CHANCE, LEAST_ERROR = 0.9, 1e-4  # of a network that guesses; one of 10,000 images
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
    panel.set_ylim(1, 0.8 * best if best < CHANCE else 0.5)
    panel.yaxis.set_major_locator(FixedLocator(TICKS))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(accuracy_of))
    panel.set_ylabel("validation accuracy")
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def plot_budget(budget: pd.DataFrame) -> Figure:
    """Expected validation accuracy of the best of k trials against k, a small panel for each optimizer."""
    by_optimizer = dict(list(budget.groupby("optimizer", sort=False)))
    styles, columns = looks(list(by_optimizer)), min(4, len(by_optimizer))
    rows = -(-len(by_optimizer) // columns)
    figure = Figure(figsize=(2.75 * columns + 0.6, 2.5 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for i, (optimizer, its) in enumerate(by_optimizer.items()):
        panel = panels[i]
        for other, others in by_optimizer.items():
            if other != optimizer:
                panel.plot(others["trials"], error(others["expected"]), color="0.8", linewidth=1, zorder=1)
        colour = styles[optimizer]["color"]
        panel.plot(its["trials"], error(its["expected"]), color=colour, marker="o", markersize=3.5)
        panel.fill_between(its["trials"], error(its["low"]), error(its["high"]), color=colour, alpha=0.2, linewidth=0)
        accuracy_axis(panel, error(budget["high"]).min())
        panel.set_ylabel("")
        panel.set_title(optimizer, fontsize=10)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.tick_params(labelbottom=i + columns >= len(by_optimizer))
    for panel in panels[len(by_optimizer) :]:
        panel.set_visible(False)
    figure.supylabel("validation accuracy of the best", fontsize=10)
    figure.supxlabel("trials k    (line: expected; band: 10 to 90 %; grey: the other optimizers)", fontsize=10)
    return figure


def plot_sensitivity(trials: pd.DataFrame, marks: list[str], defaults: dict[str, str]) -> Figure:
    """Validation accuracy against the learning rate, one line per optimizer: the best of the other hyperparameters."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    panel = figure.subplots()
    styles = looks(list(dict.fromkeys(trials["optimizer"])))
    for optimizer, its in trials.groupby("optimizer", sort=False):
        best = its.groupby("lr")[["validation_accuracy_mean"]].max()
        style = styles[optimizer]
        panel.plot(
            best.index, error(best["validation_accuracy_mean"]), marker="o", markersize=3, label=optimizer, **style
        )
        lost = best.index[best["validation_accuracy_mean"].isna()]
        panel.plot(lost, [CHANCE] * len(lost), "X", color=style["color"], markersize=6)
        for names, marker, size in ((marks, "s", 11), ([defaults[optimizer]], "D", 8)):
            rows = its[its["trial"].isin(names)]
            panel.plot(
                rows["lr"],
                error(rows["validation_accuracy_mean"]),
                marker=marker,
                markersize=size,
                linestyle="none",
                markerfacecolor="none",
                markeredgewidth=1.6,
                color=style["color"],
            )
    panel.set_xscale("log")
    accuracy_axis(panel, error(trials["validation_accuracy_mean"]).min())
    panel.set_xlabel("learning rate")
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.supxlabel(
        "mean over seeds; square: a variant of config.yaml, diamond: the default, ✕: a seed diverged or only guesses",
        fontsize=9,
        color="0.35",
    )
    return figure


def heat_map(trials: pd.DataFrame, swept: list[str], marks: list[str], default: str) -> Figure:
    """Validation accuracy, a column per learning rate and a row per setting of the other swept ones."""
    others = [name for name in swept if name != "lr"]
    rows = {
        ", ".join(f"{name} {value}" for name, value in zip(others, key)): its
        for key, its in trials.groupby(others, sort=False)
    }
    rates = sorted(trials["lr"].unique())
    figure = Figure(figsize=(max(8, 0.78 * len(rates) + 3), max(3, 0.62 * len(rows) + 1.6)), layout="constrained")
    panel = figure.subplots()
    cells = np.full((len(rows), len(rates)), np.nan)
    panel.set_facecolor("0.85")
    best = np.nanmin(error(trials["validation_accuracy_mean"]), initial=CHANCE / 2)
    norm = LogNorm(best, CHANCE, clip=True)
    for i, its in enumerate(rows.values()):
        for trial in its.itertuples():
            j = rates.index(trial.lr)
            if trial.lost_seeds:
                panel.text(j, i, f"✕ {trial.lost_seeds}/{trial.seeds}", ha="center", va="center", fontsize=8)
            else:
                cells[i, j] = max(1 - trial.validation_accuracy_mean, LEAST_ERROR)
                text = f"{100 * trial.validation_accuracy_mean:.1f}"
                panel.text(
                    j, i, text, ha="center", va="center", fontsize=8, color="k" if norm(cells[i, j]) < 0.5 else "w"
                )
            if trial.chosen:
                panel.add_patch(box((j, i), 0.93, "#D55E00", "-"))
            if trial.trial in marks or trial.trial == default:
                panel.add_patch(box((j, i), 0.75, "white", "-"))
                panel.add_patch(box((j, i), 0.75, "black", (0, (3, 2)) if trial.trial in marks else (0, (1, 1))))
    image = panel.imshow(cells, norm=norm, cmap="viridis_r", aspect="auto")
    panel.set_xticks(range(len(rates)), [f"{rate:.3g}" for rate in rates], rotation=45)
    panel.set_yticks(range(len(rows)), list(rows))
    panel.set_xlabel("learning rate")
    bar = figure.colorbar(image, ticks=[t for t in TICKS if best <= t <= CHANCE], format=accuracy_of)
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.invert_yaxis()
    bar.set_label("validation accuracy")
    figure.supxlabel(
        "box: chosen; dashed: a variant of config.yaml; dotted: the default; ✕: seeds that diverged or only guess",
        fontsize=9,
        color="0.35",
    )
    return figure


def box(cell: tuple[float, float], size: float, colour: str, style: object) -> Rectangle:
    """A frame of a ``size`` in cells, centred in a cell of the heat map."""
    corner = cell[0] - size / 2, cell[1] - size / 2
    return Rectangle(corner, size, size, fill=False, edgecolor=colour, linewidth=2, linestyle=style)


def main() -> None:
    parser = command_line(
        __doc__, "Writes budget, sensitivity and heat_map_OPTIMIZER, as .svg and .png, into the folder."
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder with the tables of choose and rank")
    parser.add_argument("--grids", type=json.loads, required=True, metavar="JSON", help="the grid of each optimizer")
    parser.add_argument(
        "--marks", nargs="+", default=[], metavar="TRIAL", help="trials to mark as variants of config.yaml"
    )
    arguments = parser.parse_args()
    results, grids, marks = arguments.results, arguments.grids, arguments.marks

    trials = pd.read_csv(results / "trials.csv")
    defaults = {optimizer: name_of(sweep.default(grid)) for optimizer, grid in grids.items()}
    save(plot_budget(pd.read_csv(results / "budget.csv")), results / "budget")
    save(plot_sensitivity(trials, marks, defaults), results / "sensitivity")
    for optimizer, grid in grids.items():
        if len(sweep.swept(grid)) > 1:
            its = trials[trials["optimizer"] == optimizer]
            save(heat_map(its, sweep.swept(grid), marks, defaults[optimizer]), results / f"heat_map_{optimizer}")


if __name__ == "__main__":
    main()
