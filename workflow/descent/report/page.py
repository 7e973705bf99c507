"""Render the sections of a page as HTML and as Markdown."""

import base64
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from descent import WORKFLOW
from descent.files import write_text

TEMPLATES = WORKFLOW / "report"


def to_markdown(sentences: Iterable[str], table: pd.DataFrame) -> str:
    """An answer and its table."""
    answer = "".join(f"- {sentence}\n" for sentence in sentences)
    return f"{answer}\n{table.to_markdown(index=False, disable_numparse=True)}\n"


def data_uri(png: Path) -> str:
    """A picture as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode()


def marked(text: str) -> Markup:
    """Text with `code` in backticks, as HTML."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def write_page(target: Path, template: str, **values: object) -> None:
    """Render a Jinja2 template of workflow/report/ with ``values`` into the HTML file ``target``."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = marked
    environment.globals["include"] = lambda part: Markup((TEMPLATES / part).read_text(encoding="utf-8"))
    write_text(target, environment.get_template(template).render(**values))
