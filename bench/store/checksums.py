"""SHA256SUMS of a run's folder: the sum of each file, written before the file is and checked when it is read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from bench.errors import reading, writing

Buffer: TypeAlias = bytes | memoryview
NAME = "SHA256SUMS"
GONE = 64 * "0"
"""Stands in place of a sum when the file was set aside."""


class Checksums:
    """A log in the format of sha256sum.

    A file is good if any line with its name has its sum: the writer may be killed between writing the line and placing
    the file, and then the previous file is still there. A file without a line is taken as it is, so that a lost log
    loses no run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / NAME
        self._lines: dict[str, list[str]] = {}
        self._size = -1

    def entries(self) -> dict[str, list[str]]:
        """File name -> its sums, the newest last. Raises Unreadable."""
        try:
            with reading(self.path):
                size = self.path.stat().st_size
                if size != self._size:
                    self._lines, self._size = self._parse(self.path.read_bytes()), size
        except FileNotFoundError:
            self._lines, self._size = {}, -1
        return self._lines

    @staticmethod
    def _parse(content: bytes) -> dict[str, list[str]]:
        sums: dict[str, list[str]] = {}
        for line in content.decode(errors="replace").splitlines():
            digest, _, name = line.partition("  ")
            if digest == GONE:
                sums.pop(name, None)
            elif len(digest) == 64 and name:  # else cut off by a full disk or a kill
                sums.setdefault(name, []).append(digest)
        return sums

    def enter(self, name: str, path: Path) -> None:
        """Log the sum of the file at `path` under `name`, where it will be placed."""
        self._add(file_sum(path), name)

    def forget(self, name: str) -> None:
        """Log that `name` is no longer there."""
        self._add(GONE, name)

    def _add(self, digest: str, name: str) -> None:
        line = f"{digest}  {name}\n"
        with writing(self.path), open(self.path, "ab+") as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                line = f"\n{line}"
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def read(self, name: str) -> bytes | None:
        """The file's bytes; None if it is absent or has another sum. Raises Unreadable."""
        path = self.folder / name
        try:
            with reading(path):
                content = path.read_bytes()
        except FileNotFoundError:
            return None
        sums = self.entries().get(name)
        return content if sums is None or hashlib.sha256(content).hexdigest() in sums else None

    def problem(self, name: str) -> str | None:
        """What is wrong with a file of the log; None if it is good. Raises Unreadable."""
        path, sums = self.folder / name, self.entries().get(name)
        try:
            with reading(path):
                is_good = sums is None or file_sum(path) in sums
        except FileNotFoundError:
            return "is gone"
        return None if is_good else "is not what was written (SHA-256)"

    def damage(self) -> dict[str, str]:
        """File name -> what is wrong with it, for the damaged files of the log. Raises Unreadable."""
        return {name: problem for name in self.entries() if (problem := self.problem(name))}


def tensors_sum(words: str, tensors: Iterable[tuple[str, Sequence[int], Buffer]]) -> str:
    """SHA-256 of a text and tensors (name, shape, bytes): safetensors itself would not notice a flipped bit."""
    digest = hashlib.sha256(words.encode())
    for name, shape, content in sorted(tensors, key=lambda tensor: tensor[0]):
        digest.update(f"{name} {list(shape)}".encode())
        digest.update(content)
    return digest.hexdigest()


def file_sum(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_file(path: Path) -> None:
    """Flush a file to the disk, before it gets the name that readers look for."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
