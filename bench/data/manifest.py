"""`manifest.csv` of a folder: which files were cut from one photograph, and maybe which split each file is in."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from bench.data.files import ImageFile, spelled
from bench.data.manifest_rows import Row, is_manifest, read_rows
from bench.errors import InputError

NAME = "manifest.csv"


@dataclass(frozen=True)
class Manifest:
    """What the rows say of the image files that are there."""

    path: Path
    rows: dict[str, Row]
    """Name of an image file -> its row."""
    unmatched: list[str]
    """What rows name that is no image file here."""

    @property
    def photographs(self) -> dict[str, str]:
        """Name of an image file -> the photograph that it was cut from."""
        return {name: row.photo for name, row in self.rows.items()}


def read_manifest(root: Path, files: Sequence[ImageFile], deeper: Sequence[Path]) -> Manifest | None:
    """The manifest of a folder with these image files, or None where there is none.

    A row's name fits a file if it is the file's path below the folder in any spelling of paths (`./`, `\\`, from the
    folder above, whole, as a URL), or if it differs in how letters are encoded, in blanks or in case alone and could be
    no other file. What fits no file at all is `unmatched`.
    deeper: manifests in folders below, where none is read.
    Raises InputError where it cannot be read, no row fits, or it is in doubt which file a row means.
    """
    path = _path_of(root)
    for other in deeper:
        if other != path and is_manifest(other):
            raise InputError(f"data.path (--data): {other} is not read, only the one in {root} is; move its rows there")
    if path is None:
        return None
    rows, known = read_rows(path), _Known(root, path, files)
    found: dict[str, Row] = {}
    unmatched = []
    for row in rows:
        if file := known.meant_by(row):
            _check_agree(path, file, found.setdefault(file.name, row), row)
        else:
            unmatched.append(row)
    if not found:
        first = f" (line {rows[0].line}: {rows[0].file!r})" if rows else ""
        example = f", such as {files[0].name}" if files else ""
        raise InputError(
            f"data.path (--data): none of the {len(rows)} rows of {path} is of an image in {root}{first}; write each "
            f"file as its path from there{example}, or remove {path.name}"
        )
    known.check_strangers(unmatched, found)
    return Manifest(path, found, list(dict.fromkeys(spelled(row.file) for row in unmatched)))


def _path_of(root: Path) -> Path | None:
    """manifest.csv, in letters of either case. Raises InputError where there are two."""
    try:
        found = sorted(name for name in os.listdir(root) if name.lower() == NAME)
    except OSError as error:
        raise InputError(f"data.path (--data): {root} cannot be listed ({error.strerror})") from None
    if len(found) > 1:
        raise InputError(f"data.path (--data): {root} has both {found[0]} and {found[1]}; keep one of them")
    return root / found[0] if found else None


def _check_agree(path: Path, file: ImageFile, first: Row, row: Row) -> None:
    both = ((first.photo, row.photo, "under two photographs"), (first.split, row.split, "in two splits"))
    for old, new, what in both:
        if old != new:
            raise InputError(f"data.path (--data): {path} has {file.name} {what}, {old!r} and {new!r}")


class _Known:
    """The image files that are there, by all that a row may call them."""

    def __init__(self, root: Path, path: Path, files: Sequence[ImageFile]) -> None:
        self.root, self.path = root, path
        self.roots = list(dict.fromkeys((os.path.abspath(root), os.path.realpath(root))))
        self.files = {file.inside: file for file in files}

    @cached_property
    def _loose(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The paths by `_encoded_alike` and by `_loosely`."""
        found: tuple[dict[str, list[str]], dict[str, list[str]]] = (defaultdict(list), defaultdict(list))
        for path in self.files:
            found[0][_encoded_alike(path)].append(path)
            found[1][_loosely(path)].append(path)
        return found

    def meant_by(self, row: Row) -> ImageFile | None:
        """The file that a row is of. Raises InputError where it may be one of several."""
        if row.file in self.files:
            return self.files[row.file]
        spellings = list(dict.fromkeys(self._spellings(row.file)))
        exact = [path for path in spellings if path in self.files]
        if exact:
            return self.files[exact[0]]
        for key, index in zip((_encoded_alike, _loosely), self._loose, strict=True):
            meant = {path for spelling in spellings for path in index.get(key(spelling), [])}
            if len(meant) > 1:
                either = " or ".join(sorted(self.files[path].name for path in meant))
                raise InputError(
                    f"data.path (--data): {self.path}: line {row.line}: {row.file!r} may be {either}; write the one "
                    "that is meant letter by letter"
                )
            if meant:
                return self.files[meant.pop()]
        return None

    def check_strangers(self, unmatched: Sequence[Row], found: dict[str, Row]) -> None:
        """A row that fits no file, while a file of that name without a row lies elsewhere: maybe it means that one.
        Raises InputError."""
        without = {_last(path): file.name for path, file in self.files.items() if file.name not in found}
        for row in unmatched:
            if alike := without.get(_last(row.file.replace("\\", "/"))):
                raise InputError(
                    f"data.path (--data): {self.path}: line {row.line}: {row.file!r} is no image in {self.root}; write "
                    f"{alike} if that is meant, else remove the line"
                )

    def _spellings(self, text: str) -> Iterator[str]:
        """What a row says, as paths below the root with forward slashes and without `.` and `..`."""
        for written in (text, unquote(text.removeprefix("file://"))):
            slashes = written.replace("\\", "/")
            for path in (written, slashes, slashes.strip().lstrip("/")):
                for root in self.roots:
                    for start in (root, os.path.dirname(root)):
                        full, inside = os.path.normpath(os.path.join(start, path.strip())), os.path.join(root, "")
                        if full.startswith(inside):
                            yield full.removeprefix(inside).replace(os.sep, "/")


def _encoded_alike(path: str) -> str:
    """The same for texts that look the same: an accent may be part of a letter or follow it."""
    return unicodedata.normalize("NFC", path)


def _loosely(path: str) -> str:
    """The same whatever the case, the kind and number of blanks, and letters that cannot be seen."""
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", path) if unicodedata.category(letter) != "Cf")
    return "/".join(" ".join(part.split()) for part in seen.casefold().split("/"))


def _last(path: str) -> str:
    return _loosely(path).rpartition("/")[2]
