"""Pages as HTML: one file with its style, script and figures inside; all that came from elsewhere is escaped."""

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
"""What every page's file is called."""
HERE = Path(__file__).parent
DRAWN = re.compile(r"<svg.*?</svg>", re.DOTALL)


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["sortable"] = sortable
    return found


def render(template: str, drawn: bool = True, **content: Any) -> str:
    """The page; without its figures if it is only to be compared with one that has them, by `undrawn`."""
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
    """A page without its figures, of which the fingerprints of their data stay: the same data is drawn a little
    otherwise by another matplotlib."""
    return DRAWN.sub("", page)


def sortable(value: float | None) -> str:
    """A number as the script reads it, to 8 digits, since the last of a sum's depend on the processor."""
    if value is None or math.isnan(value):
        return ""
    return f"{'-' if value < 0 else ''}Infinity" if math.isinf(value) else f"{value:.8g}"
