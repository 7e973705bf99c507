"""A page taken apart: its text, its numbers, and where each of them comes from."""

import csv
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

# What the page says of itself and of the sheet in words of its own: all other digits must come from a file.
WORDS = [
    r"95 %|below 0\.05",  # of the intervals and the p-values
    r"10⁻⁶|10⁻³|10⁻¹²",  # the thresholds of twins.csv and of rules.csv
    r"asks for 100 hidden units|its code has 50|the 50 units",  # the sheet's sizes
    r"last 16 test images",  # of the sheet's loader
]


class Page(HTMLParser):
    """The text outside of tags, the ``data`` elements, and all addresses; ``style`` and ``pre`` are left out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.data, self.addresses, self.open = "", [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "data":
            self.data.append([attributes["data-source"], attributes["value"], ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "data" in self.open:
            self.data[-1][2] += data
        elif not {"style", "script", "pre"} & set(self.open):
            self.text += data


def look_up(results: Path, source: str):
    """The value that ``source``, FILE/KEY/KEY, stands for, read without the package's own code."""
    file, keys = re.fullmatch(r"(.*?\.(?:csv|json))/(.*)", source).groups()
    if file.endswith(".csv"):
        with (results / file).open(newline="") as lines:
            value = list(csv.DictReader(lines))
    else:
        value = json.loads((results / file).read_text())
    for key in keys.split("/"):
        value = value[int(key) if isinstance(value, list) else key]
    return value


def check_numbers(page: Page, results: Path, at_least: int = 50) -> None:
    assert len(page.data) >= at_least
    for source, value, text in page.data:
        expected = look_up(results, source)
        if source.endswith("_by_seed"):
            assert text == value == expected, source
            continue
        try:
            shown, expected = float(text), float(expected)
        except ValueError:
            assert text == value == str(expected), source
            continue
        assert math.isclose(float(value), expected, rel_tol=1e-12), source
        mantissa, _, exponent = text.partition("e")
        rounding = 10 ** (int(exponent or 0) - len(mantissa.partition(".")[2])) / 2
        assert any(abs(shown - expected * scale) <= rounding * 1.0001 for scale in (1, 100)), (source, text)

    rest = page.text
    for words in WORDS:
        rest = re.sub(words, "", rest)
    assert not re.findall(r".*\d.*", rest)
