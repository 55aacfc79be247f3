"""An image file: its path, the name that people read, its hash, or the reason why it is skipped."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from bench.data.decode import open_regular
from bench.errors import NO_ANSWER, OUT_OF_RESOURCES, Unreadable

Split = Literal["train", "val"]
CHUNK = 64  # files that a thread hashes at a time, because handing one over takes as long as hashing it
LIKE_AN_ESCAPE = re.compile(r"\\[\\tnrxuU]")


@dataclass(frozen=True)
class ImageFile:
    """A file that its suffix says is an image."""

    inside: str
    """The path below the data set's folder, with forward slashes; or a short id."""
    path: Path
    split: Split | None = None
    """The split that the data set's maker chose; None where its content decides."""

    @cached_property
    def name(self) -> str:
        """`inside` as printable text, for records and messages; no two files share it."""
        return printable_path(self.inside)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hex. Raises OSError where it cannot be read or is no regular file."""
        with open_regular(self.path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Skipped:
    """A file that is left out, and the reason; details of this one file stand in brackets at its end."""

    name: str
    reason: str

    @property
    def kind(self) -> str:
        """The reason without the details."""
        return self.reason.partition(" (")[0]


def printable_path(path: str) -> str:
    """A path as printable text, different for different paths.

    A character that cannot be printed becomes an escape of Python, such as \\n. Then, and where a backslash of the path
    itself looks like the beginning of an escape, every backslash is doubled.
    """
    if path.isprintable() and not LIKE_AN_ESCAPE.search(path):
        return path
    return "".join(
        letter if letter.isprintable() and letter != "\\" else letter.encode("unicode_escape").decode()
        for letter in path
    )


def content_hashes(files: Sequence[ImageFile]) -> list[str | OSError]:
    """The sha256 of every file, in order; the error in its place for a file that cannot be read."""

    def hash_or_error(file: ImageFile) -> str | OSError:
        try:
            return file.sha256
        except OSError as error:
            return error

    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return [hash_ for hashes in pool.map(lambda chunk: list(map(hash_or_error, chunk)), chunks) for hash_ in hashes]


def raise_if_passing(error: OSError, path: Path) -> None:
    """Raise Unreadable for an error of the machine or of this moment: it must not make a file left out of a set."""
    if error.errno in (*OUT_OF_RESOURCES, *NO_ANSWER):
        raise Unreadable.of(path, error)


def skip_unreadable(file: ImageFile, error: OSError) -> Skipped:
    """The file with the reason why it cannot be opened. Raises Unreadable where the fault is not the file's."""
    raise_if_passing(error, file.path)
    is_broken_link = isinstance(error, FileNotFoundError) and file.path.is_symlink()
    why = "a link to a file that is not there" if is_broken_link else error.strerror or str(error)
    return Skipped(file.name, f"cannot be read ({why})")
