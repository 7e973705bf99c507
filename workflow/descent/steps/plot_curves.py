"""Plot a network's curves: training, with all variants and with each alone, and test set."""

import json
import math
from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from descent.figures import COLOURS, save
from descent.files import write_text
from descent.progress import seconds_by_epoch
from descent.runs import Run
from descent.steps import command_line

# A thin dashed line on a broad pale one: both stay visible where they coincide.
STYLES = {
    "custom": {"linewidth": 3.5, "alpha": 0.45, "linestyle": "-", "zorder": 2},
    "torch": {"linewidth": 1.1, "alpha": 1.0, "linestyle": (0, (5, 2)), "zorder": 3},
}


HIGHEST_LOSS = 10  # nats, the top of a figure; an untrained network has 2.3
DIVERGED = " (diverged)"


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


def draw(panels: Sequence[Axes], curves: dict[str, pd.DataFrame], looks: dict[str, dict], x: str, split: str) -> None:
    """Draw loss and accuracy of the variants of ``curves`` into two panels, against the index of their frames.

    ``looks`` gives each variant's label, line style and colour, as matplotlib's keyword arguments. A curve that ends
    because a seed diverged ends in a cross.
    """
    for panel, metric in zip(panels, ("loss", "accuracy")):
        for variant, curve in curves.items():
            mean, std, look = curve[metric, "mean"], curve[metric, "std"], looks[variant]
            panel.plot(mean.index, mean, **look)
            panel.fill_between(mean.index, mean - std, mean + std, color=look["color"], alpha=0.2, linewidth=0)
            if look["label"].endswith(DIVERGED) and len(mean):
                panel.plot(mean.index[-1], mean.iloc[-1], marker="X", markersize=9, color=look["color"], zorder=4)
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


def plot(
    curves: dict[str, pd.DataFrame], looks: dict[str, dict], smoothing: int, minibatches: pd.DataFrame | None = None
) -> Figure:
    """The training figure, from the ``curves`` of ``smooth``.

    ``minibatches``, a variant's training.csv, is drawn faintly beneath the curve, its running mean.
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    panels = figure.subplots(1, 2)
    if minibatches is not None:
        for panel, metric in zip(panels, ("loss", "accuracy")):
            values = minibatches.pivot(index="iteration", columns="seed", values=metric)
            panel.plot(values, color="0.75", linewidth=0.3, rasterized=True)
    draw(panels, curves, looks, "iteration", "training")
    note(
        figure,
        ("grey: each minibatch of each seed; " if minibatches is not None else "")
        + f"running mean over {smoothing} iterations; line: mean over seeds, band: ± one standard deviation",
    )
    return figure


def plot_test(
    against_epochs: dict[str, pd.DataFrame],
    against_seconds: dict[str, pd.DataFrame],
    training: dict[str, pd.Series],
    looks: dict[str, dict],
) -> Figure:
    """The test figure: against epochs above, with the ``training`` losses dotted, and against seconds below."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    above, below = figure.subplots(2, 2, sharey="col")
    for variant, losses in training.items():
        above[0].plot(losses.index + 1, losses, color=looks[variant]["color"], linestyle=":", linewidth=1.2)
    draw(above, against_epochs, looks, "epochs", "test")
    for panel in above:
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    draw(below, against_seconds, looks, "seconds of training per seed", "test")
    note(
        figure,
        "line: mean over seeds, band: ± one standard deviation; dotted: training loss, mean over the epoch",
    )
    return figure


def note(figure: Figure, text: str) -> None:
    figure.supxlabel(text, fontsize=9, color="0.35")


def to_json(charts: dict[str, dict[str, pd.DataFrame]], looks: dict[str, dict]) -> str:
    """Mean and standard deviation of all curves, for the page's interactive charts.

    ``charts`` has the curves against each of iteration, epochs and seconds.
    """

    def column(values: Iterable[float], digits: int) -> list[float | None]:
        return [None if math.isnan(value) else float(f"{value:.{digits}g}") for value in values]

    return json.dumps(
        {
            "variants": [
                {
                    "name": looks[variant]["label"],
                    "color": looks[variant]["color"],
                    "width": looks[variant]["linewidth"],
                    "dashed": looks[variant]["linestyle"] != "-",
                }
                for variant in looks
            ],
            "charts": {
                x: [
                    {"x": column(curve.index, 5)}
                    | {metric: column(curve[metric, "mean"], 5) for metric in ("loss", "accuracy")}
                    | {f"{metric}_std": column(curve[metric, "std"], 2) for metric in ("loss", "accuracy")}
                    for curve in curves.values()
                ]
                for x, curves in charts.items()
            },
        },
        separators=(",", ":"),
    )


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument(
        "--run",
        nargs=3,
        action="append",
        required=True,
        metavar=("VARIANT", "IMPLEMENTATION", "FOLDER"),
        help="a variant, custom or torch, and the folder that `train` wrote",
    )
    parser.add_argument(
        "--figure",
        nargs="+",
        action="append",
        required=True,
        metavar="WORD",
        help="the .svg and .png to write, a path without suffix, and the variants to overlay",
    )
    parser.add_argument("--test-figure", required=True, metavar="PATH", help="the test figure to write, without suffix")
    parser.add_argument("--json", type=Path, required=True, help="JSON to write: the smoothed curves of all variants")
    parser.add_argument("--smoothing", type=int, required=True, help="iterations in the running mean")
    arguments = parser.parse_args()

    runs = {variant: Run(Path(folder)) for variant, _, folder in arguments.run}
    settings = {variant: what_differs(run) for variant, run in runs.items()}
    colours = dict(zip(dict.fromkeys(settings.values()), cycle(COLOURS)))  # twins share one
    looks = {
        variant: {
            "color": colours[settings[variant]],
            "label": variant + DIVERGED * bool(runs[variant].diverged),
            **STYLES[implementation],
        }
        for variant, implementation, _ in arguments.run
    }
    curves = {its: smooth(run.training, arguments.smoothing, run.diverged.values()) for its, run in runs.items()}
    test = {its: by_epoch(run.evaluation) for its, run in runs.items()}
    timed = {its: curve.set_index(seconds_by_epoch(runs[its])[: len(curve)]) for its, curve in test.items()}
    losses = {its: run.training.groupby("epoch")["loss"].mean() for its, run in runs.items()}
    save(plot_test(test, timed, losses, looks), arguments.test_figure)
    for target, *variants in arguments.figure:
        minibatches, its_looks = None, looks
        if len(variants) == 1:
            minibatches = runs[variants[0]].training
            its_looks = {variants[0]: looks[variants[0]] | {"linewidth": 1.5, "alpha": 1, "linestyle": "-"}}
        overlaid = {variant: curves[variant] for variant in variants}
        save(plot(overlaid, its_looks, arguments.smoothing, minibatches), target)
    write_text(arguments.json, to_json({"iteration": curves, "epochs": test, "seconds": timed}, looks))


def what_differs(run: Run) -> str:
    """A run's optimizer and hyperparameters as JSON."""
    return json.dumps([run.record["optimizer"], run.record["hyperparameters"]], sort_keys=True)


if __name__ == "__main__":
    main()
