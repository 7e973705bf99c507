"""Plot training loss and training accuracy against the iteration: a network's variants, overlaid and each alone."""

import json
import math
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter

from descent.figures import COLOURS, save
from descent.files import write_text
from descent.runs import Run
from descent.steps import command_line

# A thin dashed line on a broad pale one: both are seen where they coincide.
STYLES = {
    "custom": {"linewidth": 3.5, "alpha": 0.45, "linestyle": "-", "zorder": 2},
    "torch": {"linewidth": 1.1, "alpha": 1.0, "linestyle": (0, (5, 2)), "zorder": 3},
}


HIGHEST_LOSS = 10  # nats, that a figure shows; an untrained network has 2.3


def smooth(training: pd.DataFrame, window: int, diverged: Iterable[int] = ()) -> pd.DataFrame:
    """Running means over ``window`` iterations, seed by seed, then their mean and standard deviation over seeds.

    ``training`` has the columns seed, iteration, loss, accuracy. Returns a frame indexed by iteration, with
    the columns (loss, mean), (loss, std), (accuracy, mean), (accuracy, std). Two points a window are
    kept: more would not be seen. From the first of the iterations ``diverged`` on all are NaN.
    """
    curves = training.pivot(index="iteration", columns="seed", values=["loss", "accuracy"])
    curves = curves[curves.index < min(diverged, default=math.inf)].reindex(curves.index)
    window = min(window, len(curves))
    curves = curves.rolling(window).mean().iloc[window - 1 :: max(1, window // 2)]
    return pd.concat({name: curves[name].agg(["mean", "std"], axis=1) for name in ("loss", "accuracy")}, axis=1)


def plot(
    curves: dict[str, pd.DataFrame], looks: dict[str, dict], smoothing: int, minibatches: pd.DataFrame | None = None
) -> Figure:
    """Draw the variants of ``curves``, as ``smooth`` made them, into one figure of two panels.

    ``looks`` gives each variant's label, line style and colour, as matplotlib's keyword arguments. ``minibatches``, a
    variant's training.csv, is drawn faintly below: what the curve is the running mean of.
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, metric in zip(panels, ("loss", "accuracy")):
        if minibatches is not None:
            values = minibatches.pivot(index="iteration", columns="seed", values=metric)
            panel.plot(values, color="0.75", linewidth=0.3, rasterized=True)
        for variant, curve in curves.items():
            mean, std, look = curve[metric, "mean"], curve[metric, "std"], looks[variant]
            panel.plot(mean.index, mean, **look)
            if mean.isna().any() and mean.notna().any():
                end = mean.last_valid_index()
                panel.plot(end, mean[end], marker="X", markersize=9, color=look["color"], zorder=4)
            panel.fill_between(mean.index, mean - std, mean + std, color=look["color"], alpha=0.2, linewidth=0)
        panel.set_xlabel("iteration")
        panel.grid(alpha=0.3)
        panel.margins(x=0.01)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_yscale("log")
    panels[0].set_ylim(top=min(panels[0].get_ylim()[1], HIGHEST_LOSS))
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panels[0].yaxis.set_major_formatter("{x:g}")
    panels[0].yaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("training loss (mean cross entropy, nats; log scale)")
    panels[1].set_ylabel("training accuracy")
    panels[1].yaxis.set_major_formatter(PercentFormatter(1))
    panels[1].legend(loc="lower right")
    figure.supxlabel(
        ("grey: each minibatch of each seed; " if minibatches is not None else "")
        + f"running mean over {smoothing} iterations; line: mean over seeds, band: ± one standard deviation",
        fontsize=9,
        color="0.35",
    )
    return figure


def to_json(curves: dict[str, pd.DataFrame], looks: dict[str, dict]) -> str:
    """Mean and standard deviation of all curves, for a page in which they can be looked into."""

    def column(curve: pd.DataFrame, metric: str, figure: str, digits: int) -> list[float | None]:
        return [None if math.isnan(value) else float(f"{value:.{digits}g}") for value in curve[metric, figure]]

    return json.dumps(
        {
            "iteration": next(iter(curves.values())).index.tolist(),
            "variants": [
                {
                    "name": looks[variant]["label"],
                    "color": looks[variant]["color"],
                    "width": looks[variant]["linewidth"],
                    "dashed": looks[variant]["linestyle"] != "-",
                    "loss": column(curve, "loss", "mean", 5),
                    "loss_std": column(curve, "loss", "std", 2),
                    "accuracy": column(curve, "accuracy", "mean", 5),
                    "accuracy_std": column(curve, "accuracy", "std", 2),
                }
                for variant, curve in curves.items()
            ],
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
        help="a path without ending, for the .svg and the .png to write, and the variants to overlay",
    )
    parser.add_argument("--json", type=Path, required=True, help="JSON to write: the smoothed curves of all variants")
    parser.add_argument("--smoothing", type=int, required=True, help="iterations in the running mean")
    arguments = parser.parse_args()

    looks = {
        variant: {"color": colour} | STYLES[implementation]
        for colour, (variant, implementation, _) in zip(cycle(COLOURS), arguments.run)
    }
    curves, trainings = {}, {}
    for variant, _, folder in arguments.run:
        run = Run(Path(folder))
        trainings[variant] = run.training
        curves[variant] = smooth(run.training, arguments.smoothing, run.diverged.values())
        looks[variant]["label"] = f"{variant} (diverged)" if run.diverged else variant
    for target, *variants in arguments.figure:
        minibatches, its_looks = None, looks
        if len(variants) == 1:
            minibatches = trainings[variants[0]]
            its_looks = {variants[0]: looks[variants[0]] | {"linewidth": 1.5, "alpha": 1, "linestyle": "-"}}
        overlaid = {variant: curves[variant] for variant in variants}
        save(plot(overlaid, its_looks, arguments.smoothing, minibatches), target)
    write_text(arguments.json, to_json(curves, looks))


if __name__ == "__main__":
    main()
