"""Compare the lab sheet's figures with the runs that repeat its trainings: do they reproduce them?"""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from descent import reproduction
from descent.calibration import LAB, LR, MOMENTUM
from descent.figures import COLOURS, save
from descent.files import write_table
from descent.reproduction import FEATURES
from descent.runs import Run
from descent.statistics import prediction_interval
from descent.steps import command_line

METRICS = ["loss", "accuracy"]
COLUMNS = ["network", "variant", "epoch", "split", "metric", "published"]
COLUMNS += ["seeds", "mean", "std", "distance", "low", "high", "inside"]


def seed_values(run: Run, epoch: int, split: str) -> pd.DataFrame:
    """A run's values for a row of the sheet: columns loss and accuracy, one row per seed; empty beyond its epochs.

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
    """One row (see COLUMNS) for each figure of ``published`` that also exists in ``runs`` or in ``initial``.csv.

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


def matching(runs: Mapping[str, Run]) -> tuple[dict[str, str], str]:
    """The variants that repeat one of the lab's trainings, each with its optimizer; and why the others do not."""
    optimizers: dict[str, str] = {}
    others: dict[str, list[str]] = {}
    for variant, run in runs.items():
        optimizer, departure = reproduction.match(run.record)
        if departure:
            others.setdefault(departure, []).append(variant)
        else:
            optimizers[variant] = optimizer
    return optimizers, "; ".join(f"{', '.join(variants)}: {departure}" for departure, variants in others.items())


def rename(published: pd.DataFrame, runs: Mapping[str, Run], optimizers: Mapping[str, str]) -> pd.DataFrame:
    """The sheet's rows for which we have the same implementation and setting, under our variant's name."""
    names = {"initial": "initial"}
    for variant, optimizer in optimizers.items():
        names.setdefault(f"{runs[variant].record['implementation']}_{optimizer}", variant)
    return published.assign(variant=published["variant"].map(names)).dropna(subset="variant")


def first_of_each(optimizers: Mapping[str, str]) -> dict[str, str]:
    """The first variant that repeats each of the lab's trainings, by optimizer."""
    first: dict[str, str] = {}
    for variant, optimizer in optimizers.items():
        first.setdefault(optimizer, variant)
    return {optimizer: first[optimizer] for optimizer in LAB if optimizer in first}


def plot(features: pd.DataFrame, verdicts: pd.DataFrame, estimates: pd.DataFrame) -> Figure:
    """Left: z of each feature. Right: the lr and momentum that the sheet's curves imply, and the lab's."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    distances, *panels = figure.subplots(1, 3, width_ratios=[4.5, 1, 1])
    places = [(optimizer, feature) for optimizer in LAB for feature in FEATURES]
    places += [("", "learning rate"), ("", "momentum")]
    critical = verdicts["critical"].max()
    if not math.isnan(critical):
        distances.axhspan(-critical, critical, color="0.88", zorder=0, label="below the critical value")
    for colour, marker, (network, of_network) in zip(COLOURS, "os^Dv<>", features.groupby("network", sort=False)):
        at = [places.index(place) for place in zip(of_network["optimizer"], of_network["feature"])]
        distances.plot(at, of_network["z"], marker, color=colour, markersize=5, label=network)
    distances.axhline(0, color="0.5", linewidth=0.8)
    for i in (1, 2):
        distances.axvline(i * len(FEATURES) - 0.5, color="0.5", linewidth=0.8)
    distances.set_xticks(range(len(places)), [feature for _, feature in places], rotation=45, ha="right")
    for i, title in enumerate([*LAB, "both"]):
        at = min((i + 0.5) * len(FEATURES), len(places) - 1) - 0.5
        distances.text(at, 1.02, title, ha="center", transform=distances.get_xaxis_transform())
    distances.set_ylabel("z: sheet minus our mean,\nin standard errors")
    if distances.get_legend_handles_labels()[0]:
        distances.legend(fontsize=8)
    for panel, (quantity, rows), labs in zip(panels, estimates.groupby("quantity"), (LR, MOMENTUM)):
        below, above = rows["estimate"] - rows["low"], rows["high"] - rows["estimate"]
        panel.errorbar(rows["source"], rows["estimate"], [below, above], fmt="o", color=COLOURS[0], capsize=4)
        panel.axhline(labs, color="0.5", linestyle="--", linewidth=0.8)
        panel.margins(x=0.4)
        panel.set_title({"lr": "learning rate", "momentum": "momentum"}[quantity], fontsize=10)
    for panel in (distances, *panels):
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes reproduction.csv (one row per network: the verdict), features.csv (one row per network, variant and "
        "feature), estimates.csv, published.csv (one row per network and figure), published.svg and published.png.",
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--variants", nargs="+", required=True)
    parser.add_argument("--mnist", action=argparse.BooleanOptionalAction, help="whether the data is MNIST itself")
    arguments = parser.parse_args()
    results = arguments.results

    published, calibration = reproduction.load_sheet(), reproduction.load_calibration()
    sheet, figures, features, verdicts = reproduction.sheet_features(published), [], [], []
    for network in arguments.networks:
        runs = {variant: Run(results / network / variant) for variant in arguments.variants}
        optimizers, left_out = matching(runs) if arguments.mnist else ({}, "all: the data is not MNIST")
        if arguments.mnist:
            initial = pd.read_csv(results / network / "initial.csv")
            figures += compare(network, rename(published, runs, optimizers), initial, runs)
        compared = {
            optimizer: (variant, reproduction.run_features(runs[variant]))
            for optimizer, variant in first_of_each(optimizers).items()
        }
        of_network = reproduction.compare(sheet, compared, calibration)
        of_network.insert(0, "network", network)
        features.append(of_network)
        verdicts.append({"network": network} | reproduction.judge(of_network, calibration) | {"left_out": left_out})
    features, verdicts = pd.concat(features), pd.DataFrame(verdicts)
    estimates = reproduction.estimates(sheet, calibration)
    for table in (verdicts, estimates):
        print(table.to_string(index=False))
    write_table(results / "published.csv", pd.DataFrame(figures, columns=COLUMNS).astype({"inside": "boolean"}))
    write_table(results / "features.csv", features)
    write_table(results / "reproduction.csv", verdicts)
    write_table(results / "estimates.csv", estimates)
    save(plot(features, verdicts, estimates), results / "published")


if __name__ == "__main__":
    main()
