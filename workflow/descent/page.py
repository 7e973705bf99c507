"""Render the HTML pages: numbers with their sources, embedded images, Jinja2 templates."""

import base64
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from descent.files import write_text

TEMPLATES = Path(__file__).parents[1] / "report"


class Sourced:
    """A value read from a file of the results, with the file and the value's place in it.

    Every number on a page comes from one of these, and so names its source.
    """

    def __init__(self, value: Any, source: str) -> None:
        self.value, self.source = value, source

    def __getitem__(self, key: str | int) -> "Sourced":
        return Sourced(self.value[key], f"{self.source}/{key}")

    def __iter__(self) -> Iterator["Sourced"]:
        return (self[key] for key in (self.value if isinstance(self.value, dict) else range(len(self.value))))

    @property
    def missing(self) -> bool:
        return self.value is None or (isinstance(self.value, float) and math.isnan(self.value))


def show(sourced: Sourced, form: str = "{}", scale: float = 1) -> Markup:
    """A value as an HTML ``data`` element: formatted for people, with the exact value and its source."""
    text = form.format(sourced.value * scale if scale != 1 else sourced.value)
    return Markup('<data value="{}" data-source="{}">{}</data>').format(sourced.value, sourced.source, text)


def load(file: Path, results: Path) -> Sourced:
    """Read a CSV file (as a list of rows) or a JSON file of the results."""
    value = (
        pd.read_csv(file, dtype={"test_accuracy_by_seed": str}).to_dict("records")
        if file.suffix == ".csv"
        else json.loads(file.read_bytes())
    )
    return Sourced(value, file.relative_to(results).as_posix())


def data_uri(svg: Path) -> str:
    """An SVG image as a data URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode()


def write_page(target: Path, template: str, **values: Any) -> None:
    """Render a Jinja2 template of workflow/report/ with ``values`` into the HTML file ``target``."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["show"] = show
    environment.globals["include"] = lambda part: Markup((TEMPLATES / part).read_text(encoding="utf-8"))
    write_text(target, environment.get_template(template).render(**values))
