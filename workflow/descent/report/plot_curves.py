"""Plot a network's curves: training, with all variants, with twins and with each alone, and test set."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from descent import step
from descent.drawing import COLOURS, note, save
from descent.files import write_text
from descent.report.figures import figures
from descent.run import Run, same_bits

# A thin dashed line on a broad pale one: both stay visible where they coincide.
STYLES: dict[str, dict[str, Any]] = {
    "custom": {"linewidth": 3.5, "alpha": 0.45, "linestyle": "-", "zorder": 2},
    "torch": {"linewidth": 1.1, "alpha": 1.0, "linestyle": (0, (5, 2)), "zorder": 3},
    "alone": {"linewidth": 1.6, "alpha": 1, "linestyle": "-"},  # and of variants that are the same to the bit
}

HIGHEST_LOSS = 10  # nats, the top of a figure; an untrained network has 2.3


class Line(NamedTuple):
    """A curve of one variant, or of several that are the same to the bit."""

    name: str
    colour: str
    style: str  # of STYLES
    diverged: bool  # a seed did, so the curve ends there
    training: pd.DataFrame  # of `smooth`
    test: pd.DataFrame  # of `by_epoch`
    losses: pd.Series  # mean training loss of each epoch

    @property
    def label(self) -> str:
        return f"{self.name} (diverged)" if self.diverged else self.name


def smooth(training: pd.DataFrame, window: int, diverged: Iterable[int] = ()) -> pd.DataFrame:
    """Running means over ``window`` iterations, seed by seed, then their mean and standard deviation over seeds.

    ``training`` has the columns seed, iteration, loss, accuracy. Returns a frame indexed by iteration, with the
    columns (loss, mean), (loss, std), (accuracy, mean), (accuracy, std). Two points per window are kept; more would
    not be visible. The curve ends before the first of the iterations ``diverged``; a window longer than the curve is
    cut to its length.
    """
    curves = training.pivot(index="iteration", columns="seed", values=["loss", "accuracy"])
    curves = curves[curves.index < min(diverged, default=math.inf)]
    window = min(window, len(curves))
    return over_seeds(curves.rolling(window).mean().iloc[window - 1 :: max(1, window // 2)])


def by_epoch(evaluation: pd.DataFrame) -> pd.DataFrame:
    """Test curves with the columns of ``smooth``, indexed by the number of epochs done, as long as all is finite."""
    curves = evaluation.assign(epochs=evaluation["epoch"] + 1)
    curves = curves.pivot(index="epochs", columns="seed", values=["loss", "accuracy"])
    return over_seeds(curves[np.isfinite(curves).all(axis=1).cummin()])


def over_seeds(curves: pd.DataFrame) -> pd.DataFrame:
    return pd.concat({name: curves[name].agg(["mean", "std"], axis=1) for name in ("loss", "accuracy")}, axis=1)


def draw(panels: Sequence[Axes], lines: Iterable[Line], x: str, split: str) -> None:
    """Draw the ``training`` or the ``test`` curves of some lines, loss and accuracy into two panels.

    A curve that ends because a seed diverged ends in a cross.
    """
    for panel, metric in zip(panels, ("loss", "accuracy")):
        for line in lines:
            curve = getattr(line, split)
            mean, std = curve[metric, "mean"], curve[metric, "std"]
            panel.plot(mean.index, mean, label=line.label, color=line.colour, **STYLES[line.style])
            panel.fill_between(mean.index, mean - std, mean + std, color=line.colour, alpha=0.2, linewidth=0)
            if line.diverged and len(mean):
                panel.plot(mean.index[-1], mean.iloc[-1], marker="X", markersize=9, color=line.colour, zorder=4)
        panel.set_xlabel(x)
        panel.grid(alpha=0.3)
        panel.margins(x=0.01)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_yscale("log")
    panels[0].set_ylim(top=min(panels[0].get_ylim()[1], HIGHEST_LOSS))
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panels[0].yaxis.set_major_formatter("{x:g}")
    panels[0].yaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel(f"{split} loss (mean cross entropy, nats; log scale)")
    panels[1].set_ylabel(f"{split} accuracy")
    panels[1].yaxis.set_major_formatter(PercentFormatter(1))
    panels[1].legend(loc="lower right")


def two_panels(title: str) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    figure.suptitle(title, parse_math=False)
    return figure, figure.subplots(1, 2)


def plot_training(lines: Sequence[Line], title: str, smoothing: int, minibatches: pd.DataFrame | None = None) -> Figure:
    """The training curves; ``minibatches``, a variant's training.csv, is drawn faintly beneath its running mean."""
    figure, panels = two_panels(title)
    if minibatches is not None:
        for panel, metric in zip(panels, ("loss", "accuracy")):
            values = minibatches.pivot(index="iteration", columns="seed", values=metric)
            panel.plot(values, color="0.75", linewidth=0.3, rasterized=True)
    draw(panels, lines, "iteration", "training")
    note(
        figure,
        ("grey: each minibatch of each seed; " if minibatches is not None else "")
        + f"running mean over {smoothing} iterations; line: mean over seeds, band: ± one standard deviation",
    )
    return figure


def plot_test(lines: Sequence[Line], title: str) -> Figure:
    """The test curves, with the mean training loss of each epoch dotted."""
    figure, panels = two_panels(title)
    for line in lines:
        panels[0].plot(line.losses.index + 1, line.losses, color=line.colour, linestyle=":", linewidth=1.2)
    draw(panels, lines, "epochs", "test")
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    note(figure, "line: mean over seeds, band: ± one standard deviation; dotted: training loss, mean over the epoch")
    return figure


def to_json(lines: Sequence[Line]) -> str:
    """Mean and standard deviation of all curves, for the page's interactive charts."""

    def column(values: Iterable[float], digits: int) -> list[float | None]:
        return [None if math.isnan(value) else float(f"{value:.{digits}g}") for value in values]

    def curve(frame: pd.DataFrame) -> dict[str, list[float | None]]:
        metrics = ("loss", "accuracy")
        return (
            {"x": column(frame.index, 5)}
            | {metric: column(frame[metric, "mean"], 5) for metric in metrics}
            | {f"{metric}_std": column(frame[metric, "std"], 2) for metric in metrics}
        )

    return json.dumps(
        {
            "variants": [
                {"name": line.label, "color": line.colour, "diverged": line.diverged}
                | {"width": STYLES[line.style]["linewidth"], "dashed": STYLES[line.style]["linestyle"] != "-"}
                for line in lines
            ],
            "charts": {
                "iteration": [curve(line.training) for line in lines],
                "epochs": [curve(line.test) for line in lines],
            },
        },
        separators=(",", ":"),
    )


def read_lines(runs: Mapping[str, Run], smoothing: int) -> dict[str, Line]:
    """A line for each variant; those that differ only in their implementation share a colour."""
    what = {
        name: json.dumps(
            [run.record[key] for key in ("optimizer", "hyperparameters", "schedule", "warmup")], sort_keys=True
        )
        for name, run in runs.items()
    }
    colours = dict(zip(dict.fromkeys(what.values()), cycle(COLOURS)))
    return {
        name: Line(
            name,
            colours[what[name]],
            run.record["implementation"],
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
    """Writes each figure as PNG into the folder; and as SVG, with curves.json, into .intermediate/, for the page."""
    runs = {variant: Run(folder / variant) for variant in variants}
    lines, once = read_lines(runs, smoothing), []
    for first, names in same_bits(runs).items():
        line = lines[first]
        once.append(line._replace(name=" = ".join(names), style="alone") if len(names) > 1 else line)
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
            figure = plot_training([lines[name]._replace(style="alone")], title, smoothing, runs[name].training)
        save(figure, folder / f"{its.name}.png", folder / f".intermediate/{its.name}.svg")
    write_text(folder / ".intermediate/curves.json", to_json(once))


if __name__ == "__main__":
    step.run(main)
