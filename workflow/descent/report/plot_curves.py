"""Plot a network's curves: training, with all variants, with twins and with each alone, and test set."""

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

from descent.figures import COLOURS, note, save
from descent.files import write_text
from descent.run import Run
from descent.step import command_line

# A thin dashed line on a broad pale one: both stay visible where they coincide.
STYLES = {
    "custom": {"linewidth": 3.5, "alpha": 0.45, "linestyle": "-", "zorder": 2},
    "torch": {"linewidth": 1.1, "alpha": 1.0, "linestyle": (0, (5, 2)), "zorder": 3},
}


SOLID = {"linewidth": 1.6, "alpha": 1, "linestyle": "-"}  # of a variant alone, and of twins that are the same

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
    curves: dict[str, pd.DataFrame],
    looks: dict[str, dict],
    title: str,
    smoothing: int,
    minibatches: pd.DataFrame | None = None,
) -> Figure:
    """The training figure, from the ``curves`` of ``smooth``.

    ``minibatches``, a variant's training.csv, is drawn faintly beneath the curve, its running mean.
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    figure.suptitle(title)
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
    curves: dict[str, pd.DataFrame], training: dict[str, pd.Series], looks: dict[str, dict], title: str
) -> Figure:
    """The test figure, from the ``curves`` of ``by_epoch``, with the mean ``training`` loss of each epoch dotted."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, 2)
    for variant, losses in training.items():
        panels[0].plot(losses.index + 1, losses, color=looks[variant]["color"], linestyle=":", linewidth=1.2)
    draw(panels, curves, looks, "epochs", "test")
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    note(figure, "line: mean over seeds, band: ± one standard deviation; dotted: training loss, mean over the epoch")
    return figure


def to_json(charts: dict[str, dict[str, pd.DataFrame]], looks: dict[str, dict]) -> str:
    """Mean and standard deviation of all curves, for the page's interactive charts.

    ``charts`` has the curves against iteration and epochs.
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
                    "diverged": looks[variant]["label"].endswith(DIVERGED),
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
    parser = command_line(
        __doc__,
        "Writes each figure as PNG into the folder; and as SVG, with curves.json, into .intermediate/, for the page.",
    )
    parser.add_argument("--folder", type=Path, required=True, help="the network's results, with a folder per variant")
    parser.add_argument("--variants", nargs="+", required=True)
    parser.add_argument(
        "--figures", type=json.loads, required=True, metavar="JSON", help="the variants of each training figure"
    )
    parser.add_argument("--smoothing", type=int, required=True, help="iterations in the running mean")
    parser.add_argument("--data", required=True, help="what the data set is called in the titles")
    arguments = parser.parse_args()
    folder, smoothing = arguments.folder, arguments.smoothing
    network = f"{folder.name} on {arguments.data}"

    runs = {variant: Run(folder / variant) for variant in arguments.variants}
    settings = {variant: what_differs(run) for variant, run in runs.items()}
    colours = dict(zip(dict.fromkeys(settings.values()), cycle(COLOURS)))  # twins share one
    looks = {
        variant: {
            "color": colours[settings[variant]],
            "label": variant + DIVERGED * bool(run.diverged),
            **STYLES[run.record["implementation"]],
        }
        for variant, run in runs.items()
    }
    curves = {its: smooth(run.training, smoothing, run.diverged.values()) for its, run in runs.items()}
    test = {its: by_epoch(run.evaluation) for its, run in runs.items()}
    losses = {its: run.training.groupby("epoch")["loss"].mean() for its, run in runs.items()}
    merged = {first: look_of_twins(looks, names) for first, names in same_bytes(runs).items()}
    curves_once, test_once, losses_once = ({its: each[its] for its in merged} for each in (curves, test, losses))
    for_page = folder / ".intermediate"
    test_figure = plot_test(test_once, losses_once, merged, f"{network}: test")
    save(test_figure, folder / "test.png", for_page / "test.svg")
    for name, variants in arguments.figures.items():
        if name == "curves":
            figure = plot(curves_once, merged, f"{network}: training", smoothing)
        elif len(variants) == 1:
            alone = {variants[0]: looks[variants[0]] | SOLID}
            title, minibatches = f"{network}: training of {variants[0]}", runs[variants[0]].training
            figure = plot({variants[0]: curves[variants[0]]}, alone, title, smoothing, minibatches)
        else:
            overlaid = {variant: curves[variant] for variant in variants}
            figure = plot(overlaid, looks, f"{network}: training of the twins {' and '.join(variants)}", smoothing)
        save(figure, folder / f"{name}.png", for_page / f"{name}.svg")
    write_text(for_page / "curves.json", to_json({"iteration": curves_once, "epochs": test_once}, merged))


def same_bytes(runs: dict[str, Run]) -> dict[str, list[str]]:
    """The variants whose trainings are the same to the bit, by the first of them."""
    found: dict[str, list[str]] = {}
    for variant, run in runs.items():
        found.setdefault(run.record["sha256"]["training.csv"], []).append(variant)
    return {variants[0]: variants for variants in found.values()}


def look_of_twins(looks: dict[str, dict], variants: list[str]) -> dict:
    """The look of one line for several variants; a variant alone keeps its own."""
    first = looks[variants[0]]
    if len(variants) == 1:
        return first
    return first | SOLID | {"label": " = ".join(variants) + DIVERGED * first["label"].endswith(DIVERGED)}


def what_differs(run: Run) -> str:
    """A run's optimizer, hyperparameters and schedule as JSON."""
    names = ("optimizer", "hyperparameters", "schedule", "warmup")
    return json.dumps([run.record[name] for name in names], sort_keys=True)


if __name__ == "__main__":
    main()
