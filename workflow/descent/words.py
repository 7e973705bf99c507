"""What people read: numbers and lists in words, and the sections of a page."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

Row = dict[str, Any]  # of a table of the results, by column


class Section(NamedTuple):
    """A question, the sentences that answer it, and a table with its caption and its file in the results folder.

    The page, its Markdown and the terminal show the same sections. In sentences and captions, `code` is in backticks.
    """

    title: str = ""  # empty if it continues the section before
    lead: str = ""  # a paragraph
    sentences: Sequence[str] = ()
    table: pd.DataFrame = pd.DataFrame()  # of text
    caption: str = ""
    file: str = ""
    folded: str = ""  # what the page shows until a reader opens the table; empty if it is open
    listing: str = ""  # a file's text


def spread(row: Row, figure: str, scale: float = 1, digits: int = 4) -> str:
    """Mean ± standard deviation of a figure of ``statistics.describe``; empty if there is no mean."""
    mean, std = row[f"{figure}_mean"] * scale, row[f"{figure}_std"] * scale
    if math.isnan(mean):
        return ""
    return f"{mean:z.{digits}f}" + ("" if math.isnan(std) else f" ± {std:.{digits}f}")


def interval(row: Row, figure: str, scale: float = 1, digits: int = 4) -> str:
    """The 95 % interval of a figure; empty if there is none."""
    low, high = row[f"{figure}_low"] * scale, row[f"{figure}_high"] * scale
    return "" if math.isnan(low) else f"{low:z.{digits}f} to {high:z.{digits}f}"


def per_cent(value: float, form: str = "z.2f") -> str:
    return "" if math.isnan(value) else f"{value * 100:{form}}"


def times(factor: float) -> str:
    return f"× {factor:.0f}" if factor >= 10 else f"× {factor:.2g}"


def count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")


def alike(names: Sequence[str]) -> str:
    """The label of variants that are bit-identical."""
    return " = ".join(names) if len(names) < 4 else f"{names[0]} = … = {names[-1]} ({len(names)} variants)"


def join(words: Iterable[str]) -> str:
    """Words as a list in a sentence: a, b and c."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
