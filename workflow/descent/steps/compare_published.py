"""Set every figure that the lab's sheet printed beside what this run got for it."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from descent.figures import COLOURS, save
from descent.files import write_table
from descent.runs import Run
from descent.statistics import prediction_interval
from descent.steps import command_line

PUBLISHED = Path(__file__).parents[2] / "resources/published.csv"  # what the sheet printed
METRICS = ["loss", "accuracy"]
OUTSIDE_BY_CHANCE = 0.05  # of the figures: what a 95 % interval leaves out
LEAST_SEEDS = 4  # of fewer the interval is so wide (Student's t of 2 is 4.3 to 12.7) that to lie inside tells nothing
COLUMNS = ["network", "variant", "epoch", "split", "metric", "published"]
COLUMNS += ["seeds", "mean", "std", "distance", "low", "high", "inside"]


def seed_values(run: Run, epoch: int, split: str) -> pd.DataFrame:
    """What a run got for a row of the sheet: columns loss and accuracy, one row per seed; no row if it has none.

    The split ``train_cumulative`` is the sheet's running mean: over all minibatches from the first iteration to the
    end of ``epoch``. Seeds that diverge are NaN.
    """
    if split == "test":
        values = run.evaluation[run.evaluation["epoch"] == epoch].set_index("seed")[METRICS]
    else:
        training = run.training
        so_far = training[training["epoch"] <= epoch] if epoch <= training["epoch"].max() else training[:0]
        values = so_far.groupby("seed")[METRICS].mean()
    return values.drop(list(run.diverged), errors="ignore").reindex(values.index)


def compare(network: str, published: pd.DataFrame, initial: pd.DataFrame, runs: Mapping[str, Run]) -> list[dict]:
    """A row for each figure of ``published`` that one of the ``runs`` has, or ``initial``.csv; see COLUMNS.

    ``distance`` is (published − mean) / std over seeds, and ``low`` to ``high`` the 95 % prediction interval for
    one more run. ``inside`` says whether the published figure lies in it; empty for one seed, or if one diverged.
    """
    rows = []
    for figures in published.to_dict("records"):
        variant = figures["variant"]
        values = initial if variant == "initial" else seed_values(runs[variant], figures["epoch"], figures["split"])
        for metric in METRICS if len(values) else []:
            mean, std = values[metric].mean(skipna=False), values[metric].std(skipna=False)
            low, high = prediction_interval(values[metric])
            known = math.isfinite(high)
            rows.append(
                {"network": network, "variant": variant, "epoch": figures["epoch"]}
                | {"split": figures["split"], "metric": metric, "published": figures[metric]}
                | {"seeds": len(values), "mean": mean, "std": std}
                | {"distance": (figures[metric] - mean) / std if known and std else math.nan}
                | {"low": low, "high": high, "inside": low <= figures[metric] <= high if known else pd.NA}
            )
    return rows


def worse(figures: pd.DataFrame) -> pd.Series:
    """Whether the published figure is worse than our mean: a higher loss, a lower accuracy."""
    return (figures["published"] > figures["mean"]) == (figures["metric"] == "loss")


def count(comparison: pd.DataFrame) -> pd.DataFrame:
    """How many figures lie inside, one row per network; ``outside_by_chance`` is what chance alone leaves outside.

    ``worse`` counts those that are worse than our mean: about half, if the sheet trained what we train.
    The verdict is ``reproduced`` if at least 90 % lie inside: twice what chance leaves out is allowed, since the
    figures of one training move together. Otherwise it is ``not reproduced``; and ``unknown`` where there is no
    interval, or where enough lie inside, but of fewer than ``LEAST_SEEDS`` seeds.
    """
    rows = []
    for network, figures in comparison.groupby("network", sort=False):
        known = figures.dropna(subset="inside")
        inside = int(known["inside"].sum())
        if inside < (1 - 2 * OUTSIDE_BY_CHANCE) * len(known):
            verdict = "not reproduced"
        elif known["seeds"].min() >= LEAST_SEEDS:  # not so if none is known
            verdict = "reproduced"
        else:
            verdict = "unknown"
        rows.append(
            {"network": network, "figures": len(figures), "inside": inside, "outside": len(known) - inside}
            | {"worse": int(worse(known).sum())}
            | {"outside_by_chance": OUTSIDE_BY_CHANCE * len(known)}
            | {"largest_distance": known["distance"].abs().max()}
            | {"verdict": verdict}
        )
    columns = ["network", "figures", "inside", "outside", "worse", "outside_by_chance", "largest_distance", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def plot(comparison: pd.DataFrame, networks: list[str]) -> Figure:
    """Distance of the sheet's figures from ours, in standard deviations over seeds, against the epoch."""
    drawn = comparison[comparison["split"] == "train_cumulative"]
    figure = Figure(figsize=(max(5.5, 5.5 * len(networks)), 4.4), layout="constrained")
    panels = figure.subplots(1, len(networks), sharey=True, squeeze=False)[0]
    for panel, network in zip(panels, networks):
        rows = drawn[drawn["network"] == network]
        limit = ((rows["high"] - rows["mean"]) / rows["std"]).max()
        if np.isfinite(limit):
            panel.axhspan(-limit, limit, color="0.88", label="95 % of further runs", zorder=0)
        for colour, (variant, curves) in zip(COLOURS, rows.groupby("variant", sort=False)):
            for metric, marker in {"loss": "o", "accuracy": "^"}.items():
                curve = curves[curves["metric"] == metric]
                look = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 0.8}
                panel.plot(curve["epoch"], curve["distance"], label=f"{variant}, {metric}", **look)
        panel.axhline(0, color="0.5", linewidth=0.8)
        panel.set_title(network)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("printed figure less our mean,\nin standard deviations over seeds")
    if len(drawn):
        panels[-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes published.csv (one row per network and figure), reproduction.csv (one row per network), "
        "published.svg and published.png.",
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder with the results of all steps")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--variants", nargs="+", required=True)
    arguments = parser.parse_args()
    results = arguments.results

    published = pd.read_csv(PUBLISHED, comment="#").astype({"epoch": "Int64"})
    published = published[published["variant"].isin(["initial", *arguments.variants])]
    rows = []
    for network in arguments.networks:
        folder = results / network
        runs = {variant: Run(folder / variant) for variant in arguments.variants}
        rows += compare(network, published, pd.read_csv(folder / "initial.csv"), runs)
    comparison = pd.DataFrame(rows, columns=COLUMNS).astype({"inside": "boolean"})
    reproduction = count(comparison)
    print(reproduction.to_string(index=False))
    write_table(results / "published.csv", comparison)
    write_table(results / "reproduction.csv", reproduction)
    save(plot(comparison, arguments.networks), results / "published")


if __name__ == "__main__":
    main()
