"""What is said of an update rule: on the terminal, and on the page from optimizers.csv."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from descent.check.assignment import OTHER_NAMES
from descent.optimizers._classes import constructor_hyperparameters, torch_class
from descent.run import read_table
from descent.words import Row, Section, join

COLUMNS = ["optimizer", "torch", "setting", "verdict", "first_step", "mistake"]
EQUAL, NEARLY, DIFFERENT = "equal", "equal to single precision", "different"


def in_lines(
    rows: list[Row], right: Mapping[str, bool], meet: list[str], remarks: list[str], unknown: list[str]
) -> list[str]:
    """What is known of a rule, from what ``comparison.check`` found: one line if it is right."""
    name, its_class = rows[0]["optimizer"], rows[0]["torch"]
    ending = "".join(f"; {remark}" for remark in remarks)
    met = f" ({', '.join(meet)})" if meet else ""
    wrong = [row for row in rows if row["verdict"] == DIFFERENT]
    other = f"torch.optim.{its_class}" if its_class else ""
    if not wrong:
        nearly = " to single precision" if any(row["verdict"] == NEARLY for row in rows) else ""
        refused = torch_class(name.lower())
        alone = (
            f"torch.optim.{refused.__name__} refuses what it would have to compute"
            if refused
            else "no class to compare with"
        )
        beside = f"equal to {other}{nearly}" if other else f"{alone}; its properties are fine"
        if unknown:
            return [f"? {name}: {not_compared(other, unknown)}; otherwise {beside}, in {len(rows)} settings{ending}"]
        return [f"✓ {name}: {beside}, in {len(rows)} settings{ending}"]
    said = f"differs from {other}" if other else "it has no class to compare with, and is wrong"
    return [
        f"✗ {name}: {said}, in {len(wrong)} of {len(rows)} settings{ending}",
        *([f"    {not_compared(other, unknown)}"] if unknown else []),
        *dict.fromkeys(f"    {row['mistake'] or unknown_mistake(wrong)}" for row in wrong),
        "    " + "  ".join(f"{'✓' if its else '✗'} {part}" for part, its in right.items()) + met,
    ]


def unknown_mistake(wrong: list[Row]) -> str:
    steps = [row["first_step"] for row in wrong if row["first_step"]]
    return f"none of the known mistakes; w differs from step {min(steps)} on"


def not_compared(its_class: str, unknown: list[str]) -> str:
    usual, required = constructor_hyperparameters(torch_class(its_class.rpartition(".")[2].lower()) or object)
    known = [name for name in [*required, *usual] if name in OTHER_NAMES or name == "nesterov"]
    return f"{join(unknown)} {'was' if len(unknown) == 1 else 'were'} not compared: {its_class} has {', '.join(known)}"


def checked(results: Path) -> pd.DataFrame:
    """optimizers.csv"""
    return read_table(results / "optimizers.csv", ["optimizer", "torch", "setting", "verdict", "mistake"])


def faults(table: pd.DataFrame) -> list[str]:
    """A sentence for each rule that is wrong."""
    wrong = table[table["verdict"] == DIFFERENT].drop_duplicates("optimizer").to_dict("records")
    how = (f"differs from `torch.optim.{row['torch']}`" if row["torch"] else "has a mistake" for row in wrong)
    return [f"The rule of {row['optimizer']} {its}: see `results/optimizers.csv`." for row, its in zip(wrong, how)]


def answer(table: pd.DataFrame) -> list[str]:
    return faults(table) or ["In the check, every update rule that has a class in `torch.optim` equals it."]


def sections(table: pd.DataFrame) -> list[Section]:
    rules = []
    for optimizer, its in table.groupby("optimizer"):
        its_class, right = its["torch"].iloc[0], (its["verdict"] != DIFFERENT).sum()
        against = f"`torch.optim.{its_class}`" if its_class else "no class: checked for its properties"
        rules.append({"rule": optimizer, "compared with": against, "settings": len(its), "right": right})
    wrong = table[table["verdict"] == DIFFERENT].rename(columns={"optimizer": "rule", "first_step": "from step"})
    wrong["from step"] = [f"{step:.0f}" if step == step else "" for step in wrong["from step"]]
    wrong["mistake"] = wrong["mistake"].replace("", "none of the known ones")
    return [
        Section(
            "Are the rules right?",
            sentences=answer(table),
            table=pd.DataFrame(rules),
            caption="Each update rule from scratch ran 50 to 500 steps next to its class of `torch.optim`, over the "
            "same gradients and in double precision. It is right in a setting if the two agree to 10⁻⁶. A rule "
            "without a class is checked for its properties: in place, finite, downhill, without hidden state.",
            file="optimizers.csv",
            folded="Each rule",
        ),
        Section(
            table=wrong[["rule", "setting", "from step", "mistake"]],
            caption="Where the rules differ. Steps count from one. A formula is named only if it explains every "
            "setting. The learning rate is halved halfway: a rule that has it inside the velocity differs only "
            "from there on.",
            file="optimizers.csv",
        ),
    ]
