"""`manifest.csv` of a folder: the photograph that each file was cut from, and possibly its split."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from bench.data.files import ImageFile, printable_path
from bench.data.manifest_rows import Row, is_manifest, read_rows
from bench.errors import InputError

NAME = "manifest.csv"


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest, by the image files that they name."""

    path: Path
    rows: dict[str, Row]
    """Name of an image file -> its row."""
    unmatched: list[str]
    """The files of rows that name no image file of the folder."""

    @property
    def photographs(self) -> dict[str, str]:
        """Name of an image file -> the photograph that it was cut from."""
        return {name: row.photo for name, row in self.rows.items()}


def read_manifest(root: Path, files: Sequence[ImageFile], deeper: Sequence[Path]) -> Manifest | None:
    """The manifest of a folder with these image files, or None where there is none.

    A row names a file by its path below the folder, in any notation of paths (`./`, `\\`, from the folder above,
    absolute, as a URL). Another encoding of letters, other blanks or another case are allowed where only one file can
    be meant. Rows that name no file are `unmatched`.
    deeper: manifests in folders below, which are not read.
    Raises InputError where the manifest cannot be read, no row names a file, or a row is ambiguous.
    """
    path = _manifest_path(root)
    for other in deeper:
        if other != path and is_manifest(other):
            raise InputError(f"data.path (--data): {other} is not read, only the one in {root} is; move its rows there")
    if path is None:
        return None
    rows, index = read_rows(path), _FileIndex(root, path, files)
    matched: dict[str, Row] = {}
    unmatched = []
    for row in rows:
        if file := index.find(row):
            _check_agree(path, file, matched.setdefault(file.name, row), row)
        else:
            unmatched.append(row)
    if not matched:
        first = f" (line {rows[0].line}: {rows[0].file!r})" if rows else ""
        example = f", such as {files[0].name}" if files else ""
        raise InputError(
            f"data.path (--data): none of the {len(rows)} rows of {path} names an image in {root}{first}; write each "
            f"file as its path below that folder{example}, or remove {path.name}"
        )
    index.check_unmatched(unmatched, matched)
    return Manifest(path, matched, list(dict.fromkeys(printable_path(row.file) for row in unmatched)))


def _manifest_path(root: Path) -> Path | None:
    """The file manifest.csv, in any case. Raises InputError where there are two."""
    try:
        names = sorted(name for name in os.listdir(root) if name.lower() == NAME)
    except OSError as error:
        raise InputError(f"data.path (--data): {root} cannot be listed ({error.strerror})") from None
    if len(names) > 1:
        raise InputError(f"data.path (--data): {root} has both {names[0]} and {names[1]}; keep one of them")
    return root / names[0] if names else None


def _check_agree(path: Path, file: ImageFile, first: Row, row: Row) -> None:
    fields = ((first.photo, row.photo, "under two photographs"), (first.split, row.split, "in two splits"))
    for old, new, where in fields:
        if old != new:
            raise InputError(
                f"data.path (--data): {path} has {file.name} {where}, {old!r} and {new!r}; remove one of the rows"
            )


class _FileIndex:
    """The image files of a folder, by every notation of their paths that a row may use."""

    def __init__(self, root: Path, path: Path, files: Sequence[ImageFile]) -> None:
        self.root, self.path = root, path
        self.roots = list(dict.fromkeys((os.path.abspath(root), os.path.realpath(root))))
        self.files = {file.inside: file for file in files}

    @cached_property
    def _loose(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The paths by their `_normal_encoding` and by their `_loose_form`."""
        by_encoding: dict[str, list[str]] = defaultdict(list)
        by_loose_form: dict[str, list[str]] = defaultdict(list)
        for path in self.files:
            by_encoding[_normal_encoding(path)].append(path)
            by_loose_form[_loose_form(path)].append(path)
        return by_encoding, by_loose_form

    def find(self, row: Row) -> ImageFile | None:
        """The file that a row names. Raises InputError where it may be one of several."""
        if row.file in self.files:
            return self.files[row.file]
        spellings = list(dict.fromkeys(self._spellings(row.file)))
        # Exact paths come before loose ones: two files may differ in case alone.
        exact = [path for path in spellings if path in self.files]
        if exact:
            return self.files[exact[0]]
        for form, paths_by_form in zip((_normal_encoding, _loose_form), self._loose, strict=True):
            matches = {path for spelling in spellings for path in paths_by_form.get(form(spelling), [])}
            if len(matches) > 1:
                either = " or ".join(sorted(self.files[path].name for path in matches))
                raise InputError(
                    f"data.path (--data): {self.path}: line {row.line}: {row.file!r} may be {either}; write "
                    "its path exactly"
                )
            if matches:
                return self.files[matches.pop()]
        return None

    def check_unmatched(self, unmatched: Sequence[Row], matched: dict[str, Row]) -> None:
        """Raise InputError for a row without a file, where a file of that name without a row lies in another folder."""
        # If such a row was dropped, crops of one photograph could land in both splits unnoticed.
        without_row = {_file_name(path): file.name for path, file in self.files.items() if file.name not in matched}
        for row in unmatched:
            if alike := without_row.get(_file_name(row.file.replace("\\", "/"))):
                raise InputError(
                    f"data.path (--data): {self.path}: line {row.line}: {row.file!r} is no image in {self.root}; write "
                    f"{alike} if that is meant, else remove the line"
                )

    def _spellings(self, text: str) -> Iterator[str]:
        """The paths that a row's text may stand for: below the root, with forward slashes, without `.` and `..`."""
        for written in (text, unquote(text.removeprefix("file://"))):
            slashes = written.replace("\\", "/")
            for path in (written, slashes, slashes.strip().lstrip("/")):
                # join() ignores its start where the path is absolute.
                for root in self.roots:
                    for start in (root, os.path.dirname(root)):
                        full, inside = os.path.normpath(os.path.join(start, path.strip())), os.path.join(root, "")
                        if full.startswith(inside):
                            yield full.removeprefix(inside).replace(os.sep, "/")


def _normal_encoding(path: str) -> str:
    """The same for texts that look the same: an accent is part of its letter or follows it."""
    return unicodedata.normalize("NFC", path)


def _loose_form(path: str) -> str:
    """The same for texts that differ in case, blanks and invisible characters alone."""
    visible = "".join(letter for letter in unicodedata.normalize("NFKC", path) if unicodedata.category(letter) != "Cf")
    return "/".join(" ".join(part.split()) for part in visible.casefold().split("/"))


def _file_name(path: str) -> str:
    return _loose_form(path).rpartition("/")[2]
