"""A matplotlib figure as SVG, for a file or a page. Text stays text, and the same figure gives the same bytes."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

NAMESPACE = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "gan-bench"}
COLOURS = {"#000000": "currentColor", "#ffffff": "var(--paper)"}
"""matplotlib's colours -> the page's, which has a light and a dark style."""
DECIMALS = re.compile(r"(\d+\.\d)\d+")
"""Coordinates are cut to a tenth of a pixel."""
WHOLE = re.compile(r"\.0(?!\d)")
PLACES = ("d", "x", "y", "x1", "x2", "y1", "y2", "points")
FONT = re.compile(r"font:([\d.]+px)[^;]*")
REFERENCE = re.compile(r"(?<=url\(#)[\w-]+|(?<=^#)[\w-]+$")
"""An id in url(#id), or in a link that is the whole attribute."""


def svg_file(figure: Any) -> str:
    """The figure as the content of a file."""
    root = _drawn(figure, transparent=False)
    ElementTree.register_namespace("", NAMESPACE)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def inline_svg(figure: Any, key: str) -> str:
    """The figure as an element of a page, with the page's colours and fonts. `key` prefixes its ids, so that they
    differ from those of other figures."""
    root = _drawn(figure, transparent=True)
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{NAMESPACE}}}")
        if HREF in element.attrib:
            element.set("href", element.attrib.pop(HREF))
        for attribute, value in element.attrib.items():
            element.set(attribute, f"{key}-{value}" if attribute == "id" else _in_page_style(value, key))
    _remove(root, "style")  # a style element would apply to the whole page
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    return ElementTree.tostring(root, encoding="unicode")


def _in_page_style(value: str, key: str) -> str:
    for old, new in COLOURS.items():
        value = value.replace(old, new)
    return FONT.sub(r"font-size:\1", REFERENCE.sub(lambda match: f"{key}-{match[0]}", value))


def _drawn(figure: Any, transparent: bool) -> Element:
    """The figure without metadata, ids that nothing refers to, and invisible digits."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context(SETTINGS):
        figure.savefig(text, format="svg", transparent=transparent, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(text.getvalue())
    values = [value for element in root.iter() for value in element.attrib.values()]
    used = dict.fromkeys(name for value in values for name in REFERENCE.findall(value))
    names = {name: f"i{number}" for number, name in enumerate(used)}
    _remove(root, f"{{{NAMESPACE}}}metadata")
    for element in root.iter():
        name = element.attrib.pop("id", None)
        for attribute, value in element.attrib.items():
            value = REFERENCE.sub(lambda match: names[match[0]], value)
            element.set(attribute, value.replace(": ", ":").replace("; ", ";") if attribute == "style" else value)
        if name in names:
            element.set("id", names[name])
        for place in PLACES:
            if place in element.attrib:
                element.set(place, _short(element.attrib[place]))
        if not element.tag.endswith(("text", "style", "tspan")):  # between shapes there are only line breaks
            element.text = None
        element.tail = None
    return root


def _short(place: str) -> str:
    """Coordinates cut to a tenth. A path without curves needs no L after its M."""
    text = " ".join(WHOLE.sub("", DECIMALS.sub(r"\1", place)).split())
    return text if re.search("[ACQSTHV]", text) else text.replace(" L ", " ")


def _remove(root: Element, tag: str) -> None:
    for parent in root.iter():
        for child in parent.findall(tag):
            parent.remove(child)
