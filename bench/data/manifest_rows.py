"""`manifest.csv` as rows: whatever program wrote the file, and a clear word where it cannot be read."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.data.decode import read_regular
from bench.data.files import spelled
from bench.errors import InputError

NEEDED = ("file", "photo")
COLUMNS = (*NEEDED, "split")
DELIMITERS = ",;\t"  # Excel writes the second where the comma is the decimal point, the third as "Unicode text"
BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Row(NamedTuple):
    """What a line says; `split` is empty where it says nothing of it."""

    line: int
    file: str
    photo: str
    split: str


def read_rows(path: Path) -> list[Row]:
    """The rows that are not blank. Raises InputError."""
    header: list[str] = []
    found = []
    for line, cells in _cells(path):
        if not header:
            header = _header(path, cells)
            places = {name: header.index(name) for name in COLUMNS if name in header}
        elif any(cell.strip() for cell in cells[len(header) :]):
            raise _wrong(path, line, f'has {len(cells)} cells for {len(header)} columns; put "" around a comma')
        else:
            found.append(_row(path, line, cells, places))
    if not header:
        raise InputError(f"data.path (--data): {path} is empty; mend or remove it")
    return found


def is_manifest(path: Path) -> bool:
    """Whether a file says which file is of which photograph: other programs have files of that name too."""
    try:
        return any(_header(path, cells) for _, cells in _cells(path))
    except InputError:
        return False


def _cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line that is not blank, but for Excel's `sep=;`. Raises InputError."""
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not _is_excels(cells[0]):
                yield reader.line_num, cells
    except csv.Error as error:
        raise _wrong(path, reader.line_num, f"cannot be read ({error})") from None


def _row(path: Path, line: int, cells: list[str], places: dict[str, int]) -> Row:
    for name in NEEDED:
        if places[name] >= len(cells):
            raise _wrong(path, line, "lacks a column")
        if not cells[places[name]].strip():
            raise _wrong(path, line, f"has nothing in the column {name!r}")
    photo = spelled(unicodedata.normalize("NFC", cells[places["photo"]].strip()))
    place = places.get("split", len(cells))
    return Row(line, cells[places["file"]], photo, cells[place].strip() if place < len(cells) else "")


def _header(path: Path, cells: list[str]) -> list[str]:
    """The columns' names in small letters. Raises InputError where one is lacking, or there twice."""
    names = [cell.strip().lower() for cell in cells]
    for name in COLUMNS:
        if name in NEEDED and name not in names:
            have = ", ".join(cells)
            raise InputError(f"data.path (--data): {path} has no column {name!r}, but {have}; mend or remove it")
        if names.count(name) > 1:
            raise InputError(f"data.path (--data): {path} has the column {name!r} twice; mend or remove it")
    return names


def _is_excels(line: str) -> bool:
    return line.startswith("sep=")


def _delimiter(text: str) -> str:
    """The one that parts `file` from `photo` in the header; else the comma."""
    header = next((line for line in text.splitlines() if line.strip() and not _is_excels(line)), "")
    for delimiter in DELIMITERS:
        if set(NEEDED) <= {cell.strip(' "').lower() for cell in header.split(delimiter)}:
            return delimiter
    return ","


def _text(path: Path) -> str:
    try:
        data = read_regular(path)
    except OSError as error:
        raise InputError(f"data.path (--data): {path} cannot be read ({error.strerror}); mend or remove it") from None
    try:
        text = data.decode("utf-16" if data.startswith(BYTE_ORDER_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"data.path (--data): {path} cannot be read ({error}); mend or remove it: it has to be text in UTF-8"
        ) from None
    if "\0" in text:
        raise InputError(f"data.path (--data): {path} cannot be read as text; save it as CSV in UTF-8")
    return text


def _wrong(path: Path, line: int, what: str) -> InputError:
    return InputError(f"data.path (--data): {path}: line {line} {what}; mend or remove it")
