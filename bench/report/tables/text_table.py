"""A table of text, and its Markdown and LaTeX forms. All text is escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TextTable:
    """Headings, rows of cells, and the notes below. A cell may have several lines."""

    title: str
    headings: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """The address that the first cell of each row links to, URL-quoted; empty for a table without links."""


def markdown(table: TextTable) -> str:
    """The table in GitHub's Markdown, with its notes."""
    lines = ["| " + " | ".join(map(escape_markdown, table.headings)) + " |", "|" + "---|" * len(table.headings)]
    for index, row in enumerate(table.rows):
        cells = [escape_markdown(cell) for cell in row]
        if table.links:
            title, line_break, rest = cells[0].partition("<br>")
            cells[0] = f"[{title}]({table.links[index]}){line_break}{rest}"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *numbered(table.notes)]).rstrip() + "\n"


def titled(table: TextTable) -> str:
    """The Markdown table below its title."""
    return f"## {table.title}\n\n{markdown(table)}"


def numbered(notes: list[str]) -> list[str]:
    """The notes as a Markdown list."""
    return [f"{index}. {escape_markdown(note)}" for index, note in enumerate(notes, 1)]


_MARKDOWN = {letter: f"\\{letter}" for letter in "\\`[]|*_~$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape_markdown(text: str) -> str:
    """Markdown that shows the text literally, even if it looks like Markdown, HTML or mathematics."""
    escaped = "".join(_MARKDOWN.get(letter, letter) for letter in text)
    return " ".join(escaped.split("\r")).replace("\n", "<br>")


def code(text: str) -> str:
    """A code span that nothing in the text can close."""
    fence = "`" * (_longest_backticks(text) + 1)
    space = " " if len(fence) > 1 else ""
    return f"{fence}{space}{' '.join(text.split())}{space}{fence}"


def fenced(text: str) -> str:
    """A code block that nothing in the text can close."""
    fence = "`" * max(3, _longest_backticks(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def _longest_backticks(text: str) -> int:
    """Length of the longest run of backticks in the text."""
    return max(map(len, re.findall("`+", text)), default=0)


def latex(table: TextTable) -> str:
    """The table as a booktabs tabular. Further lines of a cell become rows of their own."""
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(table.headings) - 1)}}}", r"\toprule"]
    lines += [" & ".join(map(_tex, table.headings)) + r" \\", r"\midrule"]
    for row in table.rows:
        parts = [cell.split("\n") for cell in row]
        for depth in range(max(map(len, parts))):
            lines.append(" & ".join(_tex(p[depth]) if depth < len(p) else "" for p in parts) + r" \\")
    notes = [f"% {index}. {' '.join(note.split())}" for index, note in enumerate(table.notes, 1)]
    return "\n".join([f"% {table.title}", *lines, r"\bottomrule", r"\end{tabular}", *notes]) + "\n"


_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "—": "---",
    "∞": r"$\infty$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "<": r"$<$", ">": r"$>$", "≥": r"$\geq$",
    "≤": r"$\leq$", "[": "{[}",
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)
