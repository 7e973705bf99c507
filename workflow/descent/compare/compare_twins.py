"""Are twins, variants that differ only in their implementation, alike? If not, is the rule right, and how far are they
apart?"""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from descent import step
from descent.check.verdicts import DIFFERENT, checked
from descent.experiment.variants import in_words
from descent.files import write_table
from descent.run import Run, read_table
from descent.words import Row, Section, per_cent

VISIBLE = 1e-3  # nats, of a curve that people look at

IDENTICAL, SAME_RULE, DIFFERENT_RULE = "identical", "same rule", "different rule"
TWINS = ["network", "custom", "torch", "verdict"]
DISTANCES = {
    "max_loss_difference": "nats, over all seeds and minibatches",
    "first_visible_iteration": "the first at which a seed's losses differ by more than 1e-3 nats",
    "max_accuracy_difference": "of the final test accuracies, a fraction, over all seeds",
    "instructions": "the vector instructions of both processors, if they are not the same",
}


def distances(ours: Run, theirs: Run) -> Row:
    """How far apart two trainings are (DISTANCES), and where they ran."""
    one, two = (
        run.training.pivot(index="iteration", columns="seed", values="loss").to_numpy() for run in (ours, theirs)
    )
    finite = np.isfinite(one) & np.isfinite(two)
    with np.errstate(invalid="ignore"):  # infinite where just one is finite, 0 where neither is
        apart = np.where(finite, np.abs(one - two), np.where(np.isfinite(one) == np.isfinite(two), 0, math.inf)).max(1)
    visible = apart > VISIBLE
    last = [run.evaluation.groupby("seed")["accuracy"].last() for run in (ours, theirs)]
    instructions = dict.fromkeys(run.record["instructions"] for run in (ours, theirs))
    return {
        "max_loss_difference": apart.max(),
        "first_visible_iteration": int(visible.argmax()) if visible.any() else math.nan,
        "max_accuracy_difference": (last[0] - last[1]).abs().max(),
        "instructions": " and ".join(instructions) if len(instructions) > 1 else "",
    }


def verdict(ours: Run, theirs: Run, wrong: set[tuple[str, str]]) -> str:
    """``wrong`` are the optimizers and hyperparameters, in words, with which the check found a rule different."""
    if ours.bits == theirs.bits:
        return IDENTICAL
    rule = ours.record["optimizer"], in_words(ours.record["hyperparameters"])
    return DIFFERENT_RULE if rule in wrong else SAME_RULE


def main(results: step.Results, networks: list[str], custom: list[str], torch: list[str]) -> None:
    """Writes twins.csv, with one row per network and pair: `identical` if every loss and parameter is the same to the
    bit, otherwise what optimizers.csv says of their rule with these hyperparameters; and how far apart they are.
    """
    table = checked(results)
    different = table[table["verdict"] == DIFFERENT]
    wrong = set(zip(different["optimizer"], different["setting"]))
    rows = []
    for network in networks:
        for names in zip(custom, torch):
            ours, theirs = (Run(results / network / name) for name in names)
            rows.append(dict(zip(TWINS, (network, *names, verdict(ours, theirs, wrong)))) | distances(ours, theirs))
            print("{network}: {custom} and {torch}: {verdict}".format(**rows[-1]))
    twins = pd.DataFrame(rows, columns=[*TWINS, *DISTANCES])
    write_table(results / "twins.csv", twins.astype({"first_visible_iteration": "Int64"}))


def compared(results: Path) -> pd.DataFrame:
    """twins.csv"""
    return read_table(results / "twins.csv", [*TWINS, "instructions"])


def answer(twins: pd.DataFrame) -> list[str]:
    """One sentence for all pairs, if there are any."""
    if twins.empty:
        return []
    same = (twins["verdict"] == IDENTICAL).sum()
    return [
        "All twins are bit-identical."
        if same == len(twins)
        else f"{len(twins) - same} of {len(twins)} pairs of twins are not bit-identical."
    ]


def in_a_sentence(row: Row) -> str:
    """A row of twins.csv."""
    pair = f"{row['network']}: {row['custom']} and {row['torch']}"
    if row["verdict"] == IDENTICAL:
        return f"{pair} are bit-identical, in every minibatch loss and in the final parameters."
    rule = (
        "the check finds no difference between their rules"
        if row["verdict"] == SAME_RULE
        else "the check says that the rule from scratch differs"
    )
    visible = (
        ""
        if pd.isna(row["first_visible_iteration"])
        else f" (more than 10⁻³ from iteration {row['first_visible_iteration']:.0f} on)"
    )
    processors = (
        f" Their processors' vector instructions differ ({row['instructions']})." if row["instructions"] else ""
    )
    return (
        f"{pair} are not bit-identical; {rule}. A minibatch loss differs by at most "
        f"{row['max_loss_difference']:.1e} nats{visible}, a final test accuracy by at most "
        f"{per_cent(row['max_accuracy_difference'])} points. Whether the mean accuracies differ is among the "
        f"differences above.{processors}"
    )


def section(twins: pd.DataFrame) -> Section:
    none = "" if len(twins) else " There are none here."
    return Section(
        "Are the twins alike?",
        f"Twins are variants that differ only in `implementation`: ours from scratch, and PyTorch's.{none}",
        [in_a_sentence(row) for row in twins.to_dict("records")],
        caption="All distances:",
        file="twins.csv",
    )


if __name__ == "__main__":
    step.run(main)
