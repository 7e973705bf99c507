"""Is a difference real? Variants of a network, and a variant of two networks, compared seed by seed."""

import math
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from descent.compare.statistics import LEAST_SEEDS, SIGNIFICANT, crossed_interval, describe, holm
from descent.run import Run, read_table
from descent.words import Row, Section, count, interval, join, per_cent, spread

METRICS = {"accuracy": (0, 1), "loss": (0, math.inf)}  # with their bounds

# The columns of differences.csv, which may have no row.
NAMES_OF_TWO = ["network", "variant", "other_network", "other"]
DIFFERENCES = [*NAMES_OF_TWO, "seeds"]
DIFFERENCES += [f"test_{metric}_difference_{figure}" for metric in METRICS for figure in ("mean", "std")]
DIFFERENCES += ["test_accuracy_difference_low", "test_accuracy_difference_high", "p", "p_holm", "real"]

TIE = 1e-9  # means that differ by less are equal: one image of a million would be more
MOST_IN_SIGHT = 12  # rows of the table that the page shows before a reader opens it


class Outcome(NamedTuple):
    """What a variant of a network reaches on the test set."""

    network: str
    variant: str
    last: pd.DataFrame  # after the last epoch, by seed: columns accuracy and loss
    correct: np.ndarray  # [seeds, images], 0 or 1


def outcome(network: str, variant: str, run: Run) -> Outcome:
    """Read what a variant reaches; seeds that diverged are NaN."""
    last = run.evaluation[run.evaluation["epoch"] == run.evaluation["epoch"].max()].set_index("seed")[[*METRICS]]
    lost, correct = last.index.isin(list(run.diverged)), run.correct
    last[lost] = correct[lost] = math.nan
    return Outcome(network, variant, last, correct)


def contrasts(finals: Iterable[Outcome]) -> list[tuple[Outcome, Outcome]]:
    """The pairs to compare: two variants of one network, and a variant of two networks."""
    return [
        (one, other)
        for other, one in combinations(finals, 2)
        if one.network == other.network or one.variant == other.variant
    ]


def describe_difference(one: Outcome, other: Outcome) -> Row:
    """``one`` minus ``other``, seed by seed: a row of differences.csv, without its last two columns.

    Variants of a network start alike and see the same minibatches, seed by seed, so what the seed adds to both
    cancels. The interval from ``_low`` to ``_high`` is that of ``crossed_interval``.
    """
    low, high, p = crossed_interval(one.correct - other.correct)
    row: dict[str, Any] = dict(zip(NAMES_OF_TWO, (one.network, one.variant, other.network, other.variant)))
    row["seeds"] = len(one.last)
    for metric in METRICS:
        row |= describe(f"test_{metric}_difference", one.last[metric] - other.last[metric])
    return row | {"test_accuracy_difference_low": low, "test_accuracy_difference_high": high, "p": p}


def describe_differences(pairs: list[tuple[Outcome, Outcome]]) -> pd.DataFrame:
    """differences.csv: a difference is ``real`` if its p, corrected for the number of contrasts, is below 5 %."""
    table = pd.DataFrame([describe_difference(*pair) for pair in pairs], columns=DIFFERENCES)
    table["p_holm"] = holm(table["p"])
    table["real"] = (table["p_holm"] < SIGNIFICANT).where(table["p"].notna())
    return table


def described(results: Path) -> pd.DataFrame:
    """differences.csv"""
    return read_table(results / "differences.csv", NAMES_OF_TWO)


class Lead(NamedTuple):
    """Which variants of a network have the highest mean, several in a tie, and what is known of the next."""

    names: list[str]  # none if every variant diverged
    reached: str = ""
    next: str = ""
    figures: tuple[float, float, float] = (math.nan, math.nan, math.nan)  # mean and interval of the lead over it
    real: bool | None = None  # none without an interval


def lead(network: str, summary: pd.DataFrame, differences: pd.DataFrame) -> Lead:
    """A variant that is bit-identical is not the next one: ``differences`` does not have it."""
    ranked = summary[summary["network"] == network].dropna(subset="test_accuracy_mean")
    ranked = ranked.sort_values("test_accuracy_mean", ascending=False, kind="stable").to_dict("records")
    if not ranked:
        return Lead([])
    first, tied, reached = ranked[0]["variant"], [ranked[0]["variant"]], spread(ranked[0], "test_accuracy", 100, 2)
    within = differences[(differences["network"] == network) & (differences["other_network"] == network)]
    pairs = {frozenset([row["variant"], row["other"]]): row for row in within.to_dict("records")}
    for other in (row["variant"] for row in ranked[1:]):
        if found := pairs.get(frozenset([first, other])):
            figures = ahead(first, found)
            if abs(figures[0]) < TIE:
                tied.append(other)
                continue
            return Lead(tied, reached, other, figures, None if math.isnan(figures[1]) else bool(found["real"]))
    return Lead(tied, reached)


def ahead(variant: str, row: Row) -> tuple[float, float, float]:
    """How far a variant is ahead of the other in a row of differences.csv: the mean, and its interval."""
    mean, low, high = (row[f"test_accuracy_difference_{figure}"] for figure in ("mean", "low", "high"))
    return (mean, low, high) if row["variant"] == variant else (-mean, -high, -low)


def answer(leads: Mapping[str, Lead]) -> str:
    """Who leads on each network, those with the same variants together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for network, its in leads.items():
        groups.setdefault(tuple(its.names), []).append(network)
    sentences = []
    for names, networks in groups.items():
        if not names:
            sentences.append(f"Every variant diverged on {join(networks)}.")
            continue
        verdicts: dict[str, list[str]] = {}
        for network in networks:
            verdicts.setdefault(verdict(leads[network]), []).append(network)
        said = (f"{its} on {join(on)}" if len(verdicts) > 1 else its for its, on in verdicts.items() if its)
        reached = join(f"{network} ({leads[network].reached} %)" for network in networks)
        sentences.append(": ".join(filter(None, [f"{led_by(leads[networks[0]])} on {reached}", "; ".join(said)])) + ".")
    return " ".join(sentences)


def led_by(its: Lead) -> str:
    return f"{join(its.names)} tie" if len(its.names) > 1 else f"{its.names[0]} leads"


def verdict(its: Lead) -> str:
    if its.real is None:
        return ""
    first = its.names[0] if len(its.names) > 1 else "it"
    return f"{first} is better than {its.next}" if its.real else f"that {first} is better than {its.next} is not shown"


def in_a_sentence(network: str, its: Lead, correction: int) -> str:
    """A lead with its numbers, which were corrected for so many differences."""
    if not its.names:
        return f"{network}: every variant diverged."
    line = f"{network}: {led_by(its)} with a test accuracy of {its.reached} %"
    if its.next:
        mean, low, high = map(per_cent, its.figures)
        line += f", {mean} points above {its.next}"
        if its.real is not None:
            after = "" if its.real else f", after the correction for {count(correction, 'difference')}"
            line += f" (95 % interval {low} to {high}): {verdict(its)}{after}"
    return f"{line}."


def sections(table: pd.DataFrame, leads: Mapping[str, Lead], shuffle: bool) -> list[Section]:
    sentences = [in_a_sentence(network, its, len(table)) for network, its in leads.items()]
    order = "" if shuffle else ", and this order of the minibatches: another could change all results"
    return [
        Section(
            "Is a difference real?",
            sentences=sentences,
            table=as_list(table),
            caption="Variants of a network share their start and their minibatches, so they are compared seed by seed. "
            f"The interval is that of one difference alone, for new initial parameters and new test images{order}. A "
            "difference is real if its p-value is below 0.05 after Holm's correction for the number of differences; "
            "one that is not shown may still exist. Variants that are bit-identical count once, under the name "
            "of the first.",
            file="differences.csv",
            folded=f"All {len(table)} differences" if len(table) > MOST_IN_SIGHT else "",
        )
    ]


def as_list(table: pd.DataFrame) -> pd.DataFrame:
    """Which differences are real."""
    return pd.DataFrame(
        {
            "difference": f"{row['network']}: {row['variant']} − {row['other']}"
            if row["network"] == row["other_network"]
            else f"{row['variant']}: {row['network']} − {row['other_network']}",
            "test accuracy, points": spread(row, "test_accuracy_difference", 100, 2) or "diverged",
            "95 % interval": interval(row, "test_accuracy_difference", 100, 2),
            "p, corrected": "" if math.isnan(row["p_holm"]) else f"{row['p_holm']:.1g}",
            "real?": in_short(row),
            "test loss, nats": spread(row, "test_loss_difference") or "diverged",
        }
        for row in table.to_dict("records")
    )


def in_short(row: Row) -> str:
    if pd.isna(row["real"]):
        return "too few seeds" if row["seeds"] < LEAST_SEEDS else ""  # one that diverged
    return "yes" if row["real"] else "not shown"
