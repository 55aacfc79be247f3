"""One file that should be an image: its path, the name that people read, its hash, and why it is left out."""

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
CHUNK = 64  # files that are hashed in one go: to hand one to a thread takes as long as to hash it
LIKE_AN_ESCAPE = re.compile(r"\\[\\tnrxuU]")


@dataclass(frozen=True)
class ImageFile:
    """A file that should be an image."""

    inside: str
    """Its path below the data set's folder, with forward slashes; or a short id."""
    path: Path
    split: Split | None = None
    """The one that it was given; None: its content decides."""

    @cached_property
    def name(self) -> str:
        """What it is called in records and on screens: as different as files are."""
        return spelled(self.inside)

    @cached_property
    def sha256(self) -> str:
        """Of the file's bytes, in hex. Raises OSError where it cannot be read or is no regular file."""
        with open_regular(self.path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Skipped:
    """A file that is left out, and why: what is particular to this one stands in brackets at the end."""

    name: str
    reason: str

    @property
    def kind(self) -> str:
        return self.reason.partition(" (")[0]


def spelled(path: str) -> str:
    """A path as text that can be printed, different for different paths.

    What cannot be printed is written as Python writes it in a string, such as \\n; then, and where a backslash of the
    path itself could be taken for that, a backslash is written twice.
    """
    if path.isprintable() and not LIKE_AN_ESCAPE.search(path):
        return path
    plain = (letter.isprintable() and letter != "\\" for letter in path)
    return "".join(
        letter if is_plain else letter.encode("unicode_escape").decode()
        for letter, is_plain in zip(path, plain, strict=True)
    )


def content_hashes(files: Sequence[ImageFile]) -> list[str | OSError]:
    """The sha256 of every file, in order; the error in place of the hash of a file that cannot be read."""

    def hash_or_error(file: ImageFile) -> str | OSError:
        try:
            return file.sha256
        except OSError as error:
            return error

    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return [found for some in pool.map(lambda chunk: list(map(hash_or_error, chunk)), chunks) for found in some]


def check_is_of_the_file(error: OSError, path: Path) -> None:
    """An image is not left out of a set because the machine is short of something. Raises Unreadable."""
    if error.errno in (*OUT_OF_RESOURCES, *NO_ANSWER):
        raise Unreadable.of(path, error)


def unreadable(file: ImageFile, error: OSError) -> Skipped:
    """The file with the reason why it could not be opened. Raises Unreadable where that says nothing about the file."""
    check_is_of_the_file(error, file.path)
    is_broken_link = isinstance(error, FileNotFoundError) and file.path.is_symlink()
    why = "a link to a file that is not there" if is_broken_link else error.strerror or str(error)
    return Skipped(file.name, f"cannot be read ({why})")
