"""The ways in which a run can fail, by name, and what to do about each."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HEAD, TAIL = 1_500, 500
"""Letters of a message's two ends that stay when it is cut."""

ADVICE = {
    "out_of_memory": "lower train.batch_size or --workers, or use a device with more memory",
    "disk_full": "make room where the run store lies (or in BENCH_CACHE), then give the same command",
    "read_only": "make the run store writable, or name another with --runs",
    "unreadable": "nothing was changed: have the file that is named made readable for you, then give the same command",
    "no_right": "you lack a right to the file that is named: ask its owner for it, or name another store with --runs",
    "data_changed": "bring the images back as they were, then give the same command; `bench plan` shows the runs of "
    "the images as they are now",
    "hung": "the stack at that moment is in hang.txt; if a step only takes long, raise --hang-after",
    "lost": "fewer --workers, or more memory: the system ends processes that take too much",
    "error": "the traceback is in outcome.json; the same command tries it again",
}
"""Name -> what to do."""
FAULT_WORDS = {
    "out_of_memory": "out of memory",
    "disk_full": "disk full",
    "read_only": "cannot be written",
    "unreadable": "cannot be read",
    "no_right": "not permitted",
    "data_changed": "the data changed",
    "hung": "hung",
    "lost": "its process was killed",
    "error": "error",
}
"""Name -> how reports say it."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NO_RIGHT = (errno.EACCES, errno.EPERM)
OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""This process has no file descriptor or memory left; the file itself may be fine."""
NO_ANSWER = (errno.ESTALE, errno.ETIMEDOUT)
"""A file server does not answer now; it may answer the next command."""


class Unreadable(OSError):
    """A file is there and cannot be read now, which says nothing of what it holds: no right to it, no file descriptor
    left, a disk or a server that does not answer. Whoever meets it leaves the file and its run as they are."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> Unreadable:
        """The error of an attempt to read `path`."""
        return cls(error.errno, error.strerror or str(error), str(error.filename or path))

    def __str__(self) -> str:
        return f"{self.filename}: cannot be read ({self.strerror})"


class Unwritable(OSError):
    """A file of a run cannot be written; the message names it."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> Unwritable:
        """The error of an attempt to write `path`."""
        return cls(error.errno, error.strerror or str(error), str(path))

    def __str__(self) -> str:
        return f"{self.filename}: cannot be written ({self.strerror})"


class LeftAsItIs(Exception):
    """A command could not do its part of a run, and what the store says of the run stays: the reason is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DataChanged(Exception):
    """The images at hand are not those that the run is of."""


class StoreLost(Exception):
    """The run store cannot be written any more, not even to say so in it."""

    def __init__(self, root: Path, error: OSError) -> None:
        super().__init__(root, error)
        self.root, self.error = root, error

    def __str__(self) -> str:
        return f"{self.root}: {self.error.strerror or self.error}"


def first_line(error: BaseException) -> str:
    """What an error says first, or else its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def with_kind(error: BaseException) -> str:
    """An error's kind, and what it says first."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def with_name(error: BaseException) -> str:
    """An error's name in words where it has one, its kind, and what it says first."""
    name = name_of(error)
    return with_kind(error) if name == "error" else f"{FAULT_WORDS[name]}: {with_kind(error)}"


def name_of(error: BaseException) -> str:
    """A key of ADVICE for an exception of a run."""
    words = str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in words:
        return "out_of_memory"
    number = error.errno if isinstance(error, OSError) else None
    if number in NO_ROOM or "No space left on device" in words or "Disk quota exceeded" in words:
        return "disk_full"
    if isinstance(error, Unreadable):
        return "unreadable"
    if isinstance(error, Unwritable) or number == errno.EROFS or "Read-only file system" in words:
        return "read_only"
    if number in NO_RIGHT:
        return "no_right"
    return "data_changed" if isinstance(error, DataChanged) else "error"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Reads `path` in the block: a file that is not there raises FileNotFoundError, any other failure Unreadable."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from None
    except Unreadable:
        raise
    except OSError as error:
        raise Unreadable.of(path, error) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Writes `path` in the block: what the file system refuses is raised as Unwritable, which names it."""
    try:
        yield
    except (Unreadable, Unwritable):
        raise
    except OSError as error:
        raise Unwritable.of(path, error) from error


def is_there(path: Path) -> bool:
    """Whether a file or folder exists. Raises Unreadable where that cannot be told, which pathlib takes for a no."""
    try:
        with reading(path):
            path.stat()
    except FileNotFoundError:
        return False
    return True


class InputError(ValueError):
    """Bad input from a person: the message names the file, the field and the fix; the CLI exits with 2. It is one
    paragraph that can be printed, whatever was quoted in it."""

    def __init__(self, message: str) -> None:
        if len(message) > HEAD + TAIL:  # a value of a megabyte was quoted; the place stands first, the fix last
            message = f"{message[:HEAD]} [...] {message[-TAIL:]}"
        super().__init__(printable(message))


def printable(text: str) -> str:
    """One line of the text, in which what cannot be printed is spelled out: control characters, lone surrogates."""
    return "".join(letter if letter.isprintable() else _spelled(letter) for letter in text)


def _spelled(letter: str) -> str:
    return " " if letter.isspace() else letter.encode("unicode_escape").decode()


def is_file(text: str | Path) -> bool:
    """Whether it is a file's path. Any text may be asked for, of any length: pathlib raises OSError for some."""
    return os.path.isfile(text)
