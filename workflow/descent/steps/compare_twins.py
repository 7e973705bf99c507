"""Measure how far apart twins are: variants that differ only in their implementation."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from descent.files import write_table
from descent.runs import Run, read_table
from descent.steps import command_line
from descent.variants import in_words

ROUNDING, VISIBLE = 1e-6, 1e-3  # nats; float32 resolves a loss near 1 to 1e-7

FIGURES = {
    "max_loss_difference": "nats, over all minibatches",
    "rms_loss_difference": "nats, over all minibatches",
    "first_iteration_above_1e-6": "at which the losses differ by more than this; empty if never",
    "first_iteration_above_1e-3": "likewise",
    "max_parameter_difference": "of the final parameters, relative to the largest entry of the same tensor",
    "test_accuracy_difference": "custom minus torch, a fraction, after the last epoch",
}


def distance(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """|one − two| element by element; 0 where neither is finite, infinite where just one is."""
    finite = np.isfinite(one) & np.isfinite(two)
    with np.errstate(invalid="ignore"):
        return np.where(finite, np.abs(one - two), np.where(np.isfinite(one) == np.isfinite(two), 0, math.inf))


def first_above(distances: np.ndarray, threshold: float) -> float:
    """The first index at which ``distances`` exceed ``threshold``; NaN if they never do."""
    above = distances > threshold
    return int(above.argmax()) if above.any() else math.nan


def parameter_difference(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> float:
    """The largest difference of two networks' parameters, relative to the largest entry of the same tensor."""
    largest = 0.0
    for name in one:
        difference = distance(one[name], two[name]).max()
        if difference:
            scale = np.abs(two[name]).max(where=np.isfinite(two[name]), initial=0)
            largest = max(largest, difference / scale if scale else math.inf)
    return largest


def compare(custom: Run, torch: Run) -> pd.DataFrame:
    """Compare two runs: one row per seed, with the columns seed and ``FIGURES``."""
    pair = (custom, torch)
    losses = [run.training.pivot(index="iteration", columns="seed", values="loss") for run in pair]
    accuracies = [run.evaluation.groupby("seed", sort=False)["accuracy"].last() for run in pair]
    rows = []
    for i, seed in enumerate(accuracies[0].index):
        apart = distance(*(loss[seed].to_numpy() for loss in losses))
        figures = (
            apart.max(),
            math.sqrt(np.mean(apart**2)),
            first_above(apart, ROUNDING),
            first_above(apart, VISIBLE),
            parameter_difference(*({name: stack[i] for name, stack in run.parameters.items()} for run in pair)),
            accuracies[0][seed] - accuracies[1][seed],
        )
        rows.append({"seed": seed, **dict(zip(FIGURES, figures))})
    return pd.DataFrame(rows)


def verdict(comparison: pd.DataFrame, rule: str) -> dict:
    """Sum up a pair's comparison over its seeds: a row of verdicts.csv.

    ``rule`` is the verdict of `check_optimizers` on the custom rule, ``equal`` or ``different``. The pair's verdict is
    the first of these that applies:
    ``different``: the rule is different;
    ``identical``: every loss and parameter is the same to the bit;
    ``rounding``: no two losses differ by more than 1e-6;
    ``drift``: some do. Training amplifies rounding, so how far apart the twins are does not tell it from a mistake.
    """
    worst = comparison.drop(columns="seed").abs().max()
    first = comparison.filter(like="first_iteration").min()
    if rule == "different":
        word = "different"
    elif worst["max_loss_difference"] == worst["max_parameter_difference"] == 0:
        word = "identical"
    else:
        word = "rounding" if math.isnan(first["first_iteration_above_1e-6"]) else "drift"
    return {"seeds": len(comparison), "rule": rule, "verdict": word} | worst.to_dict() | first.to_dict()


def main() -> None:
    figures = "; ".join(f"{name}: {meaning}" for name, meaning in FIGURES.items())
    parser = command_line(
        __doc__,
        "Writes twins.csv (one row per network, pair and seed) and verdicts.csv (one row per network and pair). "
        f"Columns: {figures}.",
    )
    parser.add_argument("--results", type=Path, required=True, help="the folder of all results")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--custom", nargs="*", default=[], help="variants from scratch")
    parser.add_argument("--torch", nargs="*", default=[], help="their twins, in the same order")
    arguments = parser.parse_args()

    checked = read_table(arguments.results / "optimizers.csv").set_index(["optimizer", "setting"])["verdict"]
    twins, verdicts = [], []
    for network in arguments.networks:
        for custom, torch in zip(arguments.custom, arguments.torch):
            names = {"network": network, "custom": custom, "torch": torch}
            pair = [Run(arguments.results / network / variant) for variant in (custom, torch)]
            comparison, record = compare(*pair), pair[0].record
            rule = checked[record["optimizer"], in_words(record["hyperparameters"])]
            twins += [names | row for row in comparison.to_dict("records")]
            verdicts.append(names | verdict(comparison, rule))
    names = ["network", "custom", "torch"]
    for file, rows, columns in (
        ("twins.csv", twins, [*names, "seed", *FIGURES]),
        ("verdicts.csv", verdicts, [*names, "seeds", "rule", "verdict", *FIGURES]),
    ):
        table = pd.DataFrame(rows, columns=columns).astype({name: "Int64" for name in columns if "first" in name})
        write_table(arguments.results / file, table)
    for row in verdicts:
        print(f"{row['network']}: {row['custom']} and {row['torch']}: {row['verdict']}")


if __name__ == "__main__":
    main()
