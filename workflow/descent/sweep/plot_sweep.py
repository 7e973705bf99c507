"""Plot a sweep: validation accuracy against the learning rate."""

from itertools import cycle
from pathlib import Path
from typing import Annotated

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from descent import step
from descent.drawing import COLOURS, note, save
from descent.experiment.grids import default, swept
from descent.experiment.variants import name_of
from descent.sweep.choose import Grids, described_trials

# Accuracies crowd below 100 %, so the scale is the logarithm of the error, 1 − accuracy.
LARGEST_ERROR, LEAST_ERROR = 0.9, 1e-4  # of a network that guesses; one of 10,000 images
TICKS = [0.9, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001]


def error(accuracy: pd.Series) -> pd.Series:
    return (1 - accuracy).clip(LEAST_ERROR)


def plot_sensitivity(trials: pd.DataFrame, others: dict[str, list[str]], defaults: dict[str, str]) -> Figure:
    """The sensitivity to the learning rate, from trials.csv: a line per optimizer, the best of its other settings.

    ``others`` has the hyperparameters that an optimizer's grid sweeps beside lr; each of their settings gets a thin
    line. ``defaults`` has the name of each default setting, which a diamond marks if it is a trial.
    """
    figure = Figure(figsize=(10, 5), layout="constrained")
    panel = figure.subplots()
    styles = ((dash, colour) for dash in cycle(["-", "--", ":"]) for colour in COLOURS)
    for (optimizer, its), (dash, colour) in zip(trials.groupby("optimizer", sort=False), styles):
        for _, row in its.groupby(others[optimizer], sort=False) if others[optimizer] else []:
            panel.plot(row["lr"], error(row["validation_accuracy_mean"]), dash, color=colour, linewidth=0.5)
        best = its.groupby("lr")["validation_accuracy_mean"].max()
        panel.plot(best.index, error(best), f"{dash}o", color=colour, markersize=3, label=optimizer)
        lost = best.index[best.isna()]
        panel.plot(lost, [LARGEST_ERROR] * len(lost), "X", color=colour, markersize=6)
        usual = its[its["trial"] == defaults[optimizer]]
        panel.plot(
            usual["lr"], error(usual["validation_accuracy_mean"]), "D", color=colour, markersize=8, fillstyle="none"
        )
    best_error = error(trials["validation_accuracy_mean"]).min()
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_ylim(1, 0.8 * best_error if best_error < LARGEST_ERROR else 0.5)
    panel.yaxis.set_major_locator(FixedLocator(TICKS))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(lambda value, _: f"{100 * (1 - value):g} %")
    panel.set_xlabel("learning rate")
    panel.set_ylabel("validation accuracy")
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    note(figure, "mean over seeds; diamond: the default setting; ✕: a seed diverged or only guesses")
    return figure


def main(grids: Grids, output: Annotated[Path, "the folder with the table of choose, and for the figure"]) -> None:
    """Writes sensitivity.svg and sensitivity.png."""
    others = {name: [axis for axis in swept(grid) if axis != "lr"] for name, grid in grids.items()}
    defaults = {name: name_of(default(grid)) for name, grid in grids.items()}
    figure = plot_sensitivity(described_trials(output), others, defaults)
    save(figure, output / "sensitivity.png", output / "sensitivity.svg")


if __name__ == "__main__":
    step.run(main)
