"""The rows of `manifest.csv`, whichever program wrote the file; errors name the file and the line."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.data.decode import read_regular
from bench.data.files import printable_path
from bench.errors import InputError

NEEDED = ("file", "photo")
COLUMNS = (*NEEDED, "split")
DELIMITERS = ",;\t"  # Excel writes ; where the comma is the decimal point, and tabs as "Unicode text"
BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Row(NamedTuple):
    """A line of the manifest; `split` is empty where the line gives none."""

    line: int
    file: str
    photo: str
    split: str


def read_rows(path: Path) -> list[Row]:
    """The rows that are not blank. Raises InputError."""
    header: list[str] = []
    rows = []
    for line, cells in _cells(path):
        if not header:
            header = _header(path, cells)
            columns = {name: header.index(name) for name in COLUMNS if name in header}
        elif any(cell.strip() for cell in cells[len(header) :]):
            raise _error(path, line, f'has {len(cells)} cells for {len(header)} columns; put "" around a comma')
        else:
            rows.append(_row(path, line, cells, columns))
    if not header:
        raise InputError(f"data.path (--data): {path} is empty; correct or remove it")
    return rows


def is_manifest(path: Path) -> bool:
    """Whether the file has a manifest's columns: other programs write files of that name too."""
    try:
        return any(_header(path, cells) for _, cells in _cells(path))
    except InputError:
        return False


def _cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line, without blank lines and Excel's `sep=;`. Raises InputError."""
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not _is_separator_line(cells[0]):
                yield reader.line_num, cells
    except csv.Error as error:
        raise _error(path, reader.line_num, f"cannot be read ({error})") from None


def _row(path: Path, line: int, cells: list[str], columns: dict[str, int]) -> Row:
    for name in NEEDED:
        if columns[name] >= len(cells):
            raise _error(path, line, "lacks a column")
        if not cells[columns[name]].strip():
            raise _error(path, line, f"has nothing in the column {name!r}")
    photo = printable_path(unicodedata.normalize("NFC", cells[columns["photo"]].strip()))
    split = columns.get("split", len(cells))
    return Row(line, cells[columns["file"]], photo, cells[split].strip() if split < len(cells) else "")


def _header(path: Path, cells: list[str]) -> list[str]:
    """The columns' names in lower case. Raises InputError where one is missing or repeated."""
    names = [cell.strip().lower() for cell in cells]
    for name in COLUMNS:
        if name in NEEDED and name not in names:
            have = ", ".join(cells)
            raise InputError(f"data.path (--data): {path} has no column {name!r}, but {have}; correct or remove it")
        if names.count(name) > 1:
            raise InputError(f"data.path (--data): {path} has the column {name!r} twice; correct or remove it")
    return names


def _is_separator_line(line: str) -> bool:
    return line.startswith("sep=")


def _delimiter(text: str) -> str:
    """The delimiter between `file` and `photo` in the header; else the comma."""
    header = next((line for line in text.splitlines() if line.strip() and not _is_separator_line(line)), "")
    for delimiter in DELIMITERS:
        if set(NEEDED) <= {cell.strip(' "').lower() for cell in header.split(delimiter)}:
            return delimiter
    return ","


def _text(path: Path) -> str:
    try:
        data = read_regular(path)
    except OSError as error:
        raise InputError(
            f"data.path (--data): {path} cannot be read ({error.strerror}); correct or remove it"
        ) from None
    try:
        text = data.decode("utf-16" if data.startswith(BYTE_ORDER_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"data.path (--data): {path} cannot be read ({error}); correct or remove it: it has to be text in UTF-8"
        ) from None
    if "\0" in text:
        raise InputError(f"data.path (--data): {path} cannot be read as text; save it as CSV in UTF-8")
    return text


def _error(path: Path, line: int, problem: str) -> InputError:
    return InputError(f"data.path (--data): {path}: line {line} {problem}; correct or remove it")
