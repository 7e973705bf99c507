"""Plot a network's curves: training, with all variants, with twins and with each alone, and test set."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from descent import step
from descent.drawing import GREY, Style, bare, note, save, styles_of
from descent.files import write_text
from descent.report.figures import figures
from descent.run import Run, same_bits
from descent.words import alike

METRICS = ("loss", "accuracy")
MOST_INSIDE = 5  # names in a legend that is in its panel
HIGHEST_LOSS = 10  # nats, the top of a figure; an untrained network has 2.3


class Line(NamedTuple):
    """A curve of one variant, or of several that are bit-identical."""

    names: list[str]
    style: Style
    circles: bool  # PyTorch's, which may lie on that of its twin
    diverged: bool  # a seed did, so the curve ends there
    training: pd.DataFrame  # of `smooth`
    test: pd.DataFrame  # of `by_epoch`
    losses: pd.Series  # mean training loss of each epoch

    @property
    def label(self) -> str:
        return alike(self.names) + (" (diverged)" if self.diverged else "")


def smooth(training: pd.DataFrame, window: int, diverged: Iterable[int] = ()) -> pd.DataFrame:
    """Running means over ``window`` iterations, seed by seed, then their mean and standard deviation over seeds.

    ``training`` has the columns seed, iteration, loss, accuracy. Returns a frame indexed by iteration, with the
    columns (loss, mean), (loss, std), (accuracy, mean), (accuracy, std). Two points per window are kept; more would
    not be visible. The curve ends before the first of the iterations ``diverged``; a window longer than the curve is
    cut to its length.
    """
    curves = training.pivot(index="iteration", columns="seed", values=[*METRICS])
    curves = curves[curves.index < min(diverged, default=math.inf)]
    window = min(window, len(curves))
    return over_seeds(curves.rolling(window).mean().iloc[window - 1 :: max(1, window // 2)])


def by_epoch(evaluation: pd.DataFrame) -> pd.DataFrame:
    """Test curves with the columns of ``smooth``, indexed by the number of epochs done, as long as all is finite."""
    curves = evaluation.assign(epochs=evaluation["epoch"] + 1)
    curves = curves.pivot(index="epochs", columns="seed", values=[*METRICS])
    return over_seeds(curves[np.isfinite(curves).all(axis=1).cummin()])


def over_seeds(curves: pd.DataFrame) -> pd.DataFrame:
    return pd.concat({name: curves[name].agg(["mean", "std"], axis=1) for name in METRICS}, axis=1)


def draw(panels: Sequence[Axes], lines: Sequence[Line], split: str, log: bool = True) -> None:
    """Draw the ``training`` or the ``test`` curves of some lines, loss and accuracy into two panels.

    A curve that ends because a seed diverged ends in a cross; where a loss is above the figure, a triangle at the top
    edge has its highest value.
    """
    for panel, metric in zip(panels, METRICS):
        for line in lines:
            curve = getattr(line, split)
            mean, std = curve[metric, "mean"], curve[metric, "std"]
            its: dict[str, Any] = line.style.line | {"linewidth": 1.8, "label": line.label}
            if line.circles:
                its |= {"linewidth": 1, "marker": "o", "markevery": max(1, len(mean) // 20), "markerfacecolor": "white"}
            elif len(mean) == 1:
                its |= {"marker": "o"}
            panel.plot(mean.index, mean, **its)
            low, colour = np.maximum(mean - std, mean / 10), line.style.colour  # a band stays above 0
            panel.fill_between(mean.index, low, mean + std, facecolor=colour + "33", edgecolor=colour, linewidth=0.3)
            if line.diverged and len(mean):
                end = min(mean.iloc[-1], HIGHEST_LOSS)
                panel.plot(mean.index[-1], end, "X", markersize=9, color=colour, zorder=4, clip_on=False)
        panel.set_xlabel("iteration" if split == "training" else "epochs")
        panel.margins(x=0.01)
        bare(panel)
    losses, accuracies = panels
    if log:
        losses.set_yscale("log")
        losses.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        losses.yaxis.set_major_formatter("{x:g}")
        losses.yaxis.set_minor_formatter(NullFormatter())
    else:
        losses.set_ylim(bottom=0)
    bottom, top = losses.get_ylim()
    top = min(top, HIGHEST_LOSS)
    losses.set_ylim(min(bottom, top / 2), top)
    for line in lines:
        mean = getattr(line, split)["loss", "mean"]
        if mean.max() > HIGHEST_LOSS:
            at = mean.idxmax(), HIGHEST_LOSS
            losses.plot(*at, "^", color=line.style.colour, clip_on=False, zorder=4)
            losses.annotate(f" {mean.max():.3g}", at, va="bottom", fontsize=8, annotation_clip=False)
    losses.set_ylabel(f"{split} loss (nats{', log scale' if log else ''})")
    accuracies.set_ylabel(f"{split} accuracy")
    accuracies.yaxis.set_major_formatter(PercentFormatter(1))
    if len(lines) > MOST_INSIDE:
        accuracies.legend(loc="upper left", bbox_to_anchor=(1, 1))
    else:
        accuracies.legend(loc="lower right")


def two_panels(title: str) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    figure.suptitle(title, parse_math=False)
    return figure, figure.subplots(1, 2)


def plot_training(lines: Sequence[Line], title: str, smoothing: int, minibatches: pd.DataFrame | None = None) -> Figure:
    """The training curves; ``minibatches``, a variant's training.csv, is drawn beneath its running mean.

    As in the lab, the axis of the loss is then linear.
    """
    figure, panels = two_panels(title)
    if minibatches is not None:
        for panel, metric in zip(panels, METRICS):
            values = minibatches.pivot(index="iteration", columns="seed", values=metric)
            panel.plot(values, color=GREY, linewidth=0.3, rasterized=True)
    draw(panels, lines, "training", log=minibatches is None)
    windows = [min(smoothing, its.training.index[0] + 1) for its in lines if len(its.training)]
    note(
        figure,
        ("grey: each minibatch of each seed; " if minibatches is not None else "")
        + f"running mean over {max(windows, default=smoothing)} iterations; line: mean over seeds, "
        "band: ± one standard deviation",
    )
    return figure


def plot_test(lines: Sequence[Line], title: str) -> Figure:
    """The test curves, with the mean training loss of each epoch dotted."""
    figure, panels = two_panels(title)
    for line in lines:
        dots: dict[str, Any] = {"linestyle": ":", "linewidth": 1.2, "marker": "." if len(line.losses) == 1 else ""}
        panels[0].plot(line.losses.index + 1, line.losses, color=line.style.colour, **dots)
    draw(panels, lines, "test")
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    note(figure, "line: mean over seeds, band: ± one standard deviation; dotted: training loss, mean over the epoch")
    return figure


def to_json(lines: Sequence[Line], runs: Mapping[str, Run]) -> str:
    """What the page's charts show: mean and standard deviation of all curves, and each minibatch of the first seed."""

    def column(values: Iterable[float], digits: int) -> list[float | None]:
        return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in values]

    def curve(frame: pd.DataFrame) -> dict[str, list[float | None]]:
        return (
            {"x": column(frame.index, 5)}
            | {metric: column(frame[metric, "mean"], 5) for metric in METRICS}
            | {f"{metric}_std": column(frame[metric, "std"], 2) for metric in METRICS}
        )

    def minibatches(run: Run) -> dict[str, Any]:
        seed = run.training["seed"].iloc[0]
        its = run.training[run.training["seed"] == seed]
        return {"seed": int(seed)} | {metric: column(its[metric], 3) for metric in METRICS}

    return json.dumps(
        [
            {"names": line.names, "label": line.label, "diverged": line.diverged}
            | {"color": line.style.colour, "dash": line.style.dash, "circles": line.circles}
            | {"iteration": curve(line.training), "epochs": curve(line.test)}
            | {"epoch_losses": column(line.losses, 5)}
            | {"minibatches": minibatches(runs[line.names[0]])}
            for line in lines
        ],
        separators=(",", ":"),
        allow_nan=False,
    )


def read_lines(runs: Mapping[str, Run], twins: Iterable[str], smoothing: int) -> dict[str, Line]:
    """A line for each variant; ``twins`` are PyTorch's."""
    its_style = styles_of(runs)
    return {
        name: Line(
            [name],
            its_style[name],
            name in twins,
            bool(run.diverged),
            smooth(run.training, smoothing, run.diverged.values()),
            by_epoch(run.evaluation),
            run.training.groupby("epoch")["loss"].mean(),
        )
        for name, run in runs.items()
    }


def main(
    folder: Annotated[Path, "the network's results, with a folder per variant"],
    variants: list[str],
    custom: Annotated[list[str], "variants from scratch that have a twin"],
    torch: Annotated[list[str], "their twins, in the same order"],
    smoothing: Annotated[int, "iterations in the running mean"],
    data: Annotated[str, "what the data set is called in the titles"],
) -> None:
    """Writes each figure as PNG and PDF into the folder; and .intermediate/curves.json, for the page."""
    runs = {variant: Run(folder / variant) for variant in variants}
    lines = read_lines(runs, torch, smoothing)
    once = []
    for first, names in same_bits(runs).items():
        once.append(lines[first]._replace(names=names, circles=lines[first].circles and len(names) == 1))
    for its in figures(variants, zip(custom, torch)):
        title = f"{folder.name} on {data}: {its.title}"
        if its.kind == "test":
            figure = plot_test(once, title)
        elif its.kind == "all":
            figure = plot_training(once, title, smoothing)
        elif its.kind == "twins":
            figure = plot_training([lines[name] for name in its.variants], title, smoothing)
        else:
            (name,) = its.variants
            figure = plot_training([lines[name]], title, smoothing, runs[name].training)
        save(figure, folder / its.name)
    write_text(folder / ".intermediate/curves.json", to_json(once, runs))


if __name__ == "__main__":
    step.run(main)
