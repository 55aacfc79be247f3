"""Render a page as one HTML file with its style, script and figures inside. All text in it is escaped."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.report.page.drawing import Drawing

PAGE = "index.html"
"""File name of every page."""
HERE = Path(__file__).parent
DRAWN = re.compile(r"<svg.*?</svg>", re.DOTALL)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sortable"] = sortable
    return environment


def render(template: str, drawn: bool = True, **content: Any) -> str:
    """The page. Without its figures it can only be compared with another one, by `undrawn`."""
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            content,
            style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
            script=Markup(script),
            script_hash=digest,
            svg=_draw if drawn else _leave_out,
        )
    )


def _draw(drawing: Drawing) -> Markup:
    return Markup(drawing.svg())


def _leave_out(drawing: Drawing) -> Markup:
    return Markup("")


def undrawn(page: str) -> str:
    """The page without its figures; the fingerprints of their data stay. Another version of matplotlib draws the same
    data slightly differently."""
    return DRAWN.sub("", page)


def sortable(value: float | None) -> str:
    """A number as the page's script reads it, to 8 digits: the last digits of a sum depend on the processor."""
    if value is None or math.isnan(value):
        return ""
    return f"{'-' if value < 0 else ''}Infinity" if math.isinf(value) else f"{value:.8g}"
