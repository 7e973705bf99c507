"""Render the HTML pages: tables, embedded images, Jinja2 templates."""

import base64
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from descent import WORKFLOW
from descent.files import write_text

TEMPLATES = WORKFLOW / "report"


def to_html(table: pd.DataFrame) -> Markup:
    """A table of text, as those of ``tables``, in HTML."""
    with pd.option_context("display.max_colwidth", None):
        return Markup(table.to_html(index=False, border=0, na_rep=""))


def to_markdown(sentences: list[str], table: pd.DataFrame) -> str:
    """An answer and its table in Markdown."""
    lines = [
        *(f"- {sentence}" for sentence in sentences),
        "",
        table.to_markdown(index=False, disable_numparse=True),
        "",
    ]
    return "\n".join(lines)


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
    environment.filters["to_html"] = to_html
    environment.globals["include"] = lambda part: Markup((TEMPLATES / part).read_text(encoding="utf-8"))
    write_text(target, environment.get_template(template).render(**values))
