"""Plot a sweep: the ranking, and validation accuracy against the learning rate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from descent import step
from descent.drawing import bare, error, note, save, scale_of_errors, styles
from descent.experiment.grids import default, swept
from descent.experiment.variants import name_of
from descent.sweep.choose import Grids, described_trials
from descent.sweep.rank import GUESSING, ranked


def plot_sensitivity(trials: pd.DataFrame, others: dict[str, list[str]], defaults: dict[str, str]) -> Figure:
    """The sensitivity to the learning rate, from trials.csv: a line per optimizer, the best of its other settings.

    ``others`` has the hyperparameters that an optimizer's grid sweeps beside lr; each of their settings gets a thin
    line. ``defaults`` has the name of each default setting, which a diamond marks if it is a trial.
    """
    figure = Figure(figsize=(10, 5), layout="constrained")
    panel = figure.subplots()
    for optimizer, style in zip(others, styles()):
        its = trials[trials["optimizer"] == optimizer]
        for _, row in its.groupby(others[optimizer], sort=False) if others[optimizer] else []:
            panel.plot(row["lr"], error(row["validation_accuracy_mean"]), **style.line, linewidth=0.5)
        best = its.groupby("lr")["validation_accuracy_mean"].max()
        panel.plot(best.index, error(best), **style.line, marker="o", markersize=3, label=optimizer)
        lost = best.index[best.isna()]
        panel.plot(lost, [GUESSING] * len(lost), "X", color=style.colour, markersize=6)
        usual = its[its["trial"] == defaults[optimizer]]
        at = usual["lr"], error(usual["validation_accuracy_mean"])
        panel.plot(*at, "D", color=style.colour, markersize=8, fillstyle="none")
    panel.set_xscale("log")
    panel.set_xlabel("learning rate")
    scale_of_errors(panel, "y", 1, min(GUESSING, error(trials["validation_accuracy_mean"]).min()))
    panel.set_ylabel("validation accuracy")
    bare(panel)
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    note(figure, "mean over seeds; diamond: the default setting; ✕: a seed diverged or only guesses")
    return figure


def plot_ranking(ranking: pd.DataFrame, optimizers: Sequence[str]) -> Figure:
    """From ranking.csv, each final seed, the mean and the bound."""
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    panel = figure.subplots()
    its_style, tested = dict(zip(optimizers, styles())), ranking.dropna(subset="may_be_best")
    best = tested["test_accuracy_mean"].max()
    for x, row in enumerate(tested.to_dict("records")):
        colour = its_style[row["optimizer"]].colour
        seeds = np.array(row["test_accuracy_by_seed"].split(), dtype=float)
        panel.plot(np.linspace(x - 0.25, x + 0.25, len(seeds)), 100 * seeds, "o", color=colour, markersize=3)
        mean, least = 100 * row["test_accuracy_mean"], 100 * (best - row["behind_at_most"])
        panel.hlines(mean, x - 0.35, x + 0.35, color=colour)
        panel.plot([x, x], [mean, least], color=colour)
        panel.hlines(least, x - 0.1, x + 0.1, color=colour)
    for x in np.flatnonzero(tested["may_be_best"].astype(bool)):
        panel.plot([x - 0.5, x + 0.5], [0, 0], color="black", linewidth=4, transform=panel.get_xaxis_transform())
    panel.set_xticks(range(len(tested)), tested["optimizer"])
    panel.set_ylabel("test accuracy, %")
    bare(panel)
    note(figure, "final seeds, their mean, and by how much it may be behind the best; black: may be the best")
    return figure


def main(grids: Grids, output: Annotated[Path, "the folder with the tables, and for the figures"]) -> None:
    """Writes ranking and sensitivity, each as PNG and PDF."""
    others = {name: [axis for axis in swept(grid) if axis != "lr"] for name, grid in grids.items()}
    defaults = {name: name_of(default(grid)) for name, grid in grids.items()}
    trials = described_trials(output)
    figures = {
        "ranking": plot_ranking(ranked(output), list(grids)),
        "sensitivity": plot_sensitivity(trials, others, defaults),
    }
    for name, figure in figures.items():
        save(figure, output / name)


if __name__ == "__main__":
    step.run(main)
