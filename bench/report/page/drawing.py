"""A figure of the page: its data, its words and its drawing; and the swatches of legends."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bench.report.figures.curves import draw_line
from bench.report.figures.pareto import draw_point
from bench.report.figures.svg import inline_svg

PANEL = (380, 270)
SWATCH = (40, 14)
LETTERS = 10.5  # pixels


@dataclass(frozen=True)
class Drawing:
    """A figure of the page. It is drawn when the page is written, and not when the page is only checked."""

    key: str
    """Prefix of its ids in the page."""
    title: str
    alt: str
    """What the figure shows, in words and numbers."""
    data: pd.DataFrame = field(repr=False)
    draw: Callable[[Any], None] = field(repr=False)
    """Draws onto matplotlib axes."""
    size: tuple[int, int] = PANEL
    margins: tuple[int, int, int, int] = (58, 8, 44, 8)
    """Left, right, bottom, top, in pixels."""

    @property
    def fingerprint(self) -> str:
        """A checksum of the data: it tells without drawing whether a page is out of date."""
        text = self.data.to_csv(index=False, lineterminator="\n", float_format="%.6g")
        return f"{zlib.crc32(text.encode()):08x}"

    def svg(self) -> str:
        """The drawn figure as an SVG element."""
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        (width, height), (left, right, bottom, top) = self.size, self.margins
        with rc_context({"font.size": LETTERS, "axes.labelsize": LETTERS}):
            figure = Figure(figsize=(width / 72, height / 72))
            room = 1 - (left + right) / width, 1 - (bottom + top) / height
            axis = figure.add_axes((left / width, bottom / height, *room))
            self.draw(axis)
            return inline_svg(figure, self.key)


def line_swatch(index: int, label: str, prefix: str = "line") -> Drawing:
    """A sample of a label's curve."""
    frame = pd.DataFrame({"x": [0, 1, 2], "mean": [0, 0, 0], "low": [0, 0, 0], "high": [0, 0, 0]})
    return _swatch(f"{prefix}{index}", label, lambda axis: draw_line(axis, frame, "x", index, ""))


def point_swatch(index: int, label: str) -> Drawing:
    """A sample of a label's marker."""
    return _swatch(f"point{index}", label, lambda axis: draw_point(axis, (0, 0), index, "", True))


def _swatch(key: str, label: str, draw: Callable[[Any], None]) -> Drawing:
    def bare(axis: Any) -> None:
        draw(axis)
        axis.set_axis_off()

    return Drawing(key, label, "", pd.DataFrame(), bare, SWATCH, (2, 2, 1, 1))
