"""A matplotlib figure as SVG within a page: text stays text, colours follow the page's, ids are its own."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

from bench.report.figures import SVG

NAMESPACE = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
LEFT_OUT = ("metadata", "style", "title")
"""Of matplotlib's elements: a style sheet would be the whole page's."""
COLOURS = {"#000000": "currentColor", "#ffffff": "var(--paper)"}
DECIMALS = re.compile(r"(\d+\.\d{2})\d+")
"""Hundredths of a pixel are enough."""
FONT = re.compile(r"font: ([\d.]+px)[^;]*")
REFERENCE = re.compile(r"(?<=url\(#)[\w-]+|(?<=^#)[\w-]+$")
"""An id in url(#id), or in a link, which is all of its attribute."""


def inline_svg(figure: Any, key: str) -> str:
    """The figure as an element of a page; `key` tells its ids from those of the page's other figures."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context(SVG):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(text.getvalue())
    used = {found for element in root.iter() for value in element.attrib.values() for found in REFERENCE.findall(value)}
    _clean(root, used, key)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element, used: set[str], key: str) -> None:
    """In place: the page's names, colours and fonts, and nothing that it has no use for."""
    element.tag = element.tag.removeprefix(NAMESPACE)
    name = element.attrib.pop("id", None)
    if HREF in element.attrib:
        element.set("href", element.attrib.pop(HREF))
    for attribute, value in element.attrib.items():
        element.set(attribute, _clean_value(value, key))
    if name in used:
        element.set("id", f"{key}-{name}")
    for child in list(element):
        if child.tag.removeprefix(NAMESPACE) in LEFT_OUT:
            element.remove(child)
        else:
            _clean(child, used, key)
    if element.tag != "text":  # between shapes there is nothing but line breaks
        element.text = None
    element.tail = None


def _clean_value(value: str, key: str) -> str:
    for old, new in COLOURS.items():
        value = value.replace(old, new)
    value = REFERENCE.sub(lambda found: f"{key}-{found[0]}", value)
    return FONT.sub(r"font-size: \1", DECIMALS.sub(r"\1", value)).replace("\n", " ").strip()
