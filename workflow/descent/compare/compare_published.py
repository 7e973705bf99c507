"""Compare the lab sheet's figures with the runs that repeat its trainings: do they reproduce them?"""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from descent.compare import reproduction
from descent.compare.statistics import prediction_interval
from descent.files import write_table
from descent.run import Run
from descent.step import command_line

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


def rename(published: pd.DataFrame, runs: Mapping[str, Run]) -> pd.DataFrame:
    """The sheet's rows for which we have the same implementation and setting, under our variant's name."""
    names = {"initial": "initial"}
    for variant, run in runs.items():
        optimizer, departure = reproduction.match(run.record)
        if not departure:
            names.setdefault(f"{run.record['implementation']}_{optimizer}", variant)
    return published.assign(variant=published["variant"].map(names)).dropna(subset="variant")


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes reproduction.csv (one row per network and optimizer: the verdict) and published.csv (one row per "
        "network and printed figure).",
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--variants", nargs="+", required=True)
    parser.add_argument("--mnist", action=argparse.BooleanOptionalAction, help="whether the data is MNIST itself")
    arguments = parser.parse_args()
    results, sheet = arguments.results, reproduction.load_sheet()

    figures, verdicts = [], []
    for network in arguments.networks if arguments.mnist else []:
        runs = {variant: Run(results / network / variant) for variant in arguments.variants}
        figures += compare(network, rename(sheet, runs), pd.read_csv(results / network / "initial.csv"), runs)
        verdicts += reproduction.judge(network, runs, sheet)
    table = pd.DataFrame(verdicts, columns=reproduction.COLUMNS)
    print(table.to_string(index=False) if len(table) else "the data is not MNIST: nothing is compared")
    write_table(results / "published.csv", pd.DataFrame(figures, columns=COLUMNS).astype({"inside": "boolean"}))
    write_table(results / "reproduction.csv", table.astype({"seeds": "Int64"}))


if __name__ == "__main__":
    main()
