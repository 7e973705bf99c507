"""The tables that people read, made once: DataFrames of text, which the pages and the Markdown files show alike."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from descent.experiment.variants import CONSTANT, Variant, in_words

Row = Mapping[str, Any]

SHORT = ["network", "variant", "test accuracy, %", "worst seed"]  # of the summary, for 80 columns
MOST_IN_A_LIST = 4  # settings whose differences are listed pair by pair


def spread(row: Row, figure: str, scale: float = 1, digits: int = 4) -> str:
    """Mean ± standard deviation of a figure of ``statistics.describe``."""
    mean, std = row[f"{figure}_mean"] * scale, row[f"{figure}_std"] * scale
    if math.isnan(mean):
        return "diverged"
    return f"{mean:z.{digits}f}" + ("" if math.isnan(std) else f" ± {std:.{digits}f}")


def interval(row: Row, figure: str, scale: float = 1, digits: int = 4) -> str:
    """The 95 % interval of a figure; empty if there is none."""
    low, high = row[f"{figure}_low"] * scale, row[f"{figure}_high"] * scale
    return "" if math.isnan(low) else f"{low:z.{digits}f} to {high:z.{digits}f}"


def per_cent(value: float, form: str = "z.2f") -> str:
    return "" if math.isnan(value) else f"{value * 100:{form}}"


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """summary.csv: how well each variant does on the test set."""
    rows = []
    for row in table.to_dict("records"):
        shown = {"network": row["network"], "variant": row["variant"], "seeds": row["seeds"]}
        lost = (
            f"diverged: {row['diverged_seeds']} of {row['seeds']} seeds, from iteration {row['diverged_iteration']:.0f}"
        )
        shown["test accuracy, %"] = lost if row["diverged_seeds"] else spread(row, "test_accuracy", 100, 2)
        shown["95 % interval"] = interval(row, "test_accuracy", 100, 2)
        shown["worst seed"] = per_cent(row["test_accuracy_worst_seed"])
        shown["test loss, nats"] = spread(row, "test_loss")
        rows.append(shown)
    return once(pd.DataFrame(rows))


def once(table: pd.DataFrame) -> pd.DataFrame:
    """The table with one row for the variants of a network whose other cells are all the same."""
    if "variant" not in table:
        return table
    others = [column for column in table if column != "variant"]
    merged = table.groupby(others, sort=False, as_index=False)["variant"].agg(", ".join)
    return merged[list(table)]


def contrast(row: Row) -> str:
    """What a row of differences.csv compares."""
    if row["network"] == row["other_network"]:
        return f"{row['network']}: {row['variant']} − {row['other']}"
    return f"{row['variant']}: {row['network']} − {row['other_network']}"


def lab(
    variants: Mapping[str, Variant],
    records: Mapping[tuple[str, str], Row],
    initial: pd.DataFrame,
    summary: pd.DataFrame,
    twins: pd.DataFrame,
) -> list[tuple[str, dict[str, tuple[str, str]]]]:
    """The lab's exercises: for each, the answers by network, each with its figure or file in the results folder.

    Exercises 3 and 4 and the optional one need a custom variant of SGD, without and with momentum, and its twin.
    """
    images = {
        network: (f"{record['training_images']:,} and {record['evaluation_images']:,}", f"{network}/{variant}/run.json")
        for (network, variant), record in [*records.items()][::-1]
    }
    untrained = {
        row["network"]: (
            f"{spread(row, 'test_accuracy', 100, 2)} %, {spread(row, 'test_loss')} nats",
            f"{row['network']}/initial.csv",
        )
        for row in initial.to_dict("records")
    }
    rows = [
        ("1: images to train with, and to test", images),
        ("2: accuracy and loss of the untrained network", untrained),
    ]
    reached = {(row["network"], row["variant"]): accuracy(row) for row in summary.to_dict("records")}
    for momentum, from_scratch, pytorchs in (
        (False, "3: test accuracy of SGD from scratch", "4: torch.optim.SGD, overlaid"),
        (True, "Optional: momentum from scratch", "Optional: torch.optim.SGD with momentum"),
    ):
        its = [name for name in twins["custom"] if variants[name]["optimizer"] == "sgd"]
        custom = next((name for name in its if bool(variants[name].get("momentum")) == momentum), None)
        pairs = twins[twins["custom"] == custom].to_dict("records")
        ours = {
            row["network"]: (reached[row["network"], custom], f"{row['network']}/{custom}/curves.png") for row in pairs
        }
        theirs = {
            row["network"]: (
                f"{reached[row['network'], row['torch']]}: {ALIKE[row['verdict']]}",
                f"{row['network']}/{custom}+{row['torch']}.png",
            )
            for row in pairs
        }
        rows += [(from_scratch, ours), (pytorchs, theirs)] if pairs else []
    return rows


ALIKE = {"identical": "the same to the bit", "rounding": "the same but for rounding", "different": "another rule"}


def accuracy(row: Row) -> str:
    return "diverged" if row["diverged_seeds"] else f"{spread(row, 'test_accuracy', 100, 2)} %"


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """differences.csv: which differences are real; without those of the ``matrices``."""
    rows = []
    for row in table[~table["network"].isin(matrices(table)) | across(table)].to_dict("records"):
        verdict = "too few seeds" if pd.isna(row["real"]) else "yes" if row["real"] else "not shown"
        rows.append(
            {
                "difference": contrast(row),
                "test accuracy, points": spread(row, "test_accuracy_difference", 100, 2),
                "95 % interval": interval(row, "test_accuracy_difference", 100, 2),
                "p, corrected": "" if math.isnan(row["p_holm"]) else f"{row['p_holm']:.1g}",
                "real?": verdict,
                "test loss, nats": spread(row, "test_loss_difference"),
            }
        )
    return pd.DataFrame(rows)


def across(table: pd.DataFrame) -> pd.Series:
    """Which rows of differences.csv compare two networks."""
    return table["network"] != table["other_network"]


def matrices(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """differences.csv within each network that has more settings than a list of pairs can show: row minus column."""
    found = {}
    for network, its in table[~across(table)].groupby("network", sort=False):
        names = list(dict.fromkeys([*its["other"], *its["variant"]]))
        if len(names) <= MOST_IN_A_LIST:
            continue
        cells = pd.DataFrame("", index=names, columns=names)
        for row in its.to_dict("records"):
            mean = row["test_accuracy_difference_mean"] * 100
            for one, other, difference in ((row["variant"], row["other"], mean), (row["other"], row["variant"], -mean)):
                cells.loc[one, other] = "" if math.isnan(mean) else f"{difference:+z.2f}{' *' * (row['real'] is True)}"
        found[str(network)] = cells.rename_axis("row − column, points").reset_index()
    return found


def targets(table: pd.DataFrame, summary: pd.DataFrame | None = None) -> pd.DataFrame:
    """targets.csv, and the epoch with the lowest test loss of summary.csv if that is given."""
    rows: dict[tuple, dict[str, str]] = {}
    for row in table.to_dict("records"):
        names = {name: row[name] for name in ("network", "variant", "optimizer") if name in row}
        shown = rows.setdefault(tuple(names.values()), names)
        epochs = "never" if math.isnan(row["epochs"]) else f"{row['epochs']:g}"
        shown[f"epochs to {per_cent(row['target'], 'g')} %"] = epochs
    for row in summary.to_dict("records") if summary is not None else []:
        lowest = row["lowest_test_loss_epochs"]
        rows[row["network"], row["variant"]]["lowest test loss after"] = "" if math.isnan(lowest) else f"{lowest:.0f}"
    return once(pd.DataFrame(rows.values()))


def optimizers(table: pd.DataFrame) -> pd.DataFrame:
    """optimizers.csv, summed up: how many settings of each rule are right."""
    rows = []
    for optimizer, its in table.groupby("optimizer"):
        its_class, equal = its["torch"].iloc[0], (its["verdict"] != "different").sum()
        against = f"torch.optim.{its_class}" if its_class else "no class: checked for its properties"
        rows.append({"rule": optimizer, "compared with": against, "settings": len(its), "right": equal})
    return pd.DataFrame(rows)


def wrong_settings(table: pd.DataFrame) -> pd.DataFrame:
    """The settings of optimizers.csv in which a rule differs."""
    wrong = table[table["verdict"] == "different"]
    shown = wrong.rename(columns={"optimizer": "rule", "first_step": "from step"})
    return shown[["rule", "setting", "from step", "mistake"]].replace({"mistake": {"": "none of the known ones"}})


def published(table: pd.DataFrame) -> pd.DataFrame:
    """The last figures that the lab's sheet printed of each training, from published.csv, beside ours."""
    last = table[(table["epoch"] == table["epoch"].max()) | (table["variant"] == "initial")]
    rows = []
    for row in last.to_dict("records"):
        scale, digits = (100, 2) if row["metric"] == "accuracy" else (1, 4)
        figure = "test" if row["split"] == "test" else "mean training"
        rows.append(
            {
                "network": row["network"],
                "variant": row["variant"],
                "figure": f"{figure} {row['metric']}, {'%' if scale == 100 else 'nats'}",
                "sheet": f"{row['published'] * scale:.{digits}f}",
                "ours": spread({"x_mean": row["mean"], "x_std": row["std"]}, "x", scale, digits),
                "one more run, 95 %": interval({"x_low": row["low"], "x_high": row["high"]}, "x", scale, digits),
            }
        )
    return pd.DataFrame(rows)


def runs(records: Mapping[tuple[str, str], Row]) -> tuple[pd.DataFrame, dict[str, str]]:
    """The run.json of each network and variant, with what it was trained; and apart, what all have in common."""
    rows = []
    for (network, variant), record in records.items():
        shuffled = ", shuffled" if record["shuffle"] else ""
        schedule = {name: record[name] for name in CONSTANT if record[name] != CONSTANT[name]}
        its = f"{record['implementation']} {record['optimizer']}, {in_words(record['hyperparameters'] | schedule)}"
        its += f" ({record['package']})" if record["package"] else ""
        rows.append(
            {
                "network": network,
                "variant": variant,
                "trained with": its,
                "epochs": record["epochs"],
                "minibatch": f"{record['batch_size']}{shuffled}",
                "device": record["device"],
                "PyTorch": record["torch"],
                "Python": record["python"],
            }
        )
    table = pd.DataFrame(rows)
    common = [name for name in table if name not in ("network", "variant") and table[name].nunique() == 1]
    return table.drop(columns=common), {name: str(table[name].iloc[0]) for name in common}


def ranking(table: pd.DataFrame) -> pd.DataFrame:
    """A sweep's ranking.csv."""
    rows = []
    for row in table.to_dict("records"):
        lost = pd.isna(row["may_be_best"])
        shown = {
            "optimizer": row["optimizer"],
            "may be best": "" if lost else "yes" if row["may_be_best"] else "no",
        }
        shown["test accuracy, %"] = "" if lost else spread(row, "test_accuracy", 100, 2) + diverged(row, "")
        shown["worst seed"] = "" if lost else per_cent(row["worst_seed"])
        shown["behind at most"] = "" if lost else per_cent(row["behind_at_most"])
        shown |= {"trials": row["trials"], "chosen": "every trial lost a seed" if lost else row["setting"]}
        shown["lr within ½ point"] = "" if lost else f"{row['tolerance']:.1f}"
        shown["default"] = row["default_setting"]
        shown["its accuracy, %"] = spread(row, "default_test_accuracy", 100, 2) + diverged(row, "default_")
        rows.append(shown)
    return pd.DataFrame(rows)


def diverged(row: Row, kind: str) -> str:
    count = row[f"{kind}diverged_runs"]
    return f" ({count:.0f} of {row[f'{kind}runs']:.0f} runs diverged)" if count else ""


def trials(table: pd.DataFrame) -> pd.DataFrame:
    """A sweep's trials.csv."""
    rows = []
    for row in table.to_dict("records"):
        lost = f"lost: {row['diverged_seeds']} diverged, {row['guessing_seeds']} guess"
        shown = {"optimizer": row["optimizer"], "trial": row["trial"]}
        shown["validation accuracy, %"] = lost if row["lost_seeds"] else spread(row, "validation_accuracy", 100, 2)
        shown["validation loss, nats"] = "" if row["lost_seeds"] else spread(row, "validation_loss")
        rows.append(shown | {"chosen": "yes" if row["chosen"] else ""})
    return pd.DataFrame(rows)


def join(words: Iterable[str]) -> str:
    """Words as a list in a sentence: a, b and c."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
