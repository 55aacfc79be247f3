"""Bad input, and the faults that end a run: their names, their words, and advice for each."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HEAD, TAIL = 1_500, 500
"""Characters kept at both ends of a message that is cut."""

ADVICE = {
    "out_of_memory": "lower train.batch_size or --workers, or use a device with more memory",
    "disk_full": "free space on the disk of the run store (or of BENCH_CACHE), then give the same command",
    "read_only": "make the run store writable, or name another with --runs",
    "unreadable": "nothing was changed: get read permission for the named file, then give the same command",
    "no_right": "you lack a permission on the named file: ask its owner for it, or name another store with --runs",
    "data_changed": "restore the images as they were, then give the same command; `bench plan` shows the runs of the "
    "images as they are now",
    "hung": "hang.txt has the stacks of all threads; if a step is only slow, raise --hang-after",
    "lost": "use fewer --workers, or more memory: the system kills processes that take too much",
    "error": "the traceback is in outcome.json; the same command tries the run again",
}
"""Fault -> what to do about it."""
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
"""Fault -> its words in reports."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NO_RIGHT = (errno.EACCES, errno.EPERM)
OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""This process has no file descriptor or memory left; the file itself may be fine."""
NO_ANSWER = (errno.ESTALE, errno.ETIMEDOUT)
"""A file server does not answer now; it may answer the next command."""


class Unreadable(OSError):
    """A file exists but cannot be read now: no permission, no file descriptor left, a disk or a server that does not
    answer. That says nothing about its content, so the file and its run are left as they are."""

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
    """A command could not do its part of a run; the run's stored state stays. `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DataChanged(Exception):
    """The images on this machine are not those that the run was planned with."""


class StoreLost(Exception):
    """The run store can no longer be written, so the failure cannot be stored in it either."""

    def __init__(self, root: Path, error: OSError) -> None:
        super().__init__(root, error)
        self.root, self.error = root, error

    def __str__(self) -> str:
        return f"{self.root}: {self.error.strerror or self.error}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its class name if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def with_class(error: BaseException) -> str:
    """An error's class name and the first line of its message."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def with_fault(error: BaseException) -> str:
    """The fault in words if it is a known one, then class name and first line."""
    name = fault_of(error)
    return with_class(error) if name == "error" else f"{FAULT_WORDS[name]}: {with_class(error)}"


def fault_of(error: BaseException) -> str:
    """The fault, a key of ADVICE, that an exception of a run stands for."""
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
    """For a block that reads `path`: an absent file raises FileNotFoundError, any other failure Unreadable."""
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
    """For a block that writes `path`: what the file system refuses is raised as Unwritable, which names the path."""
    try:
        yield
    except (Unreadable, Unwritable):
        raise
    except OSError as error:
        raise Unwritable.of(path, error) from error


def is_there(path: Path) -> bool:
    """Whether a file or folder exists. Raises Unreadable where that cannot be told; pathlib would answer no."""
    try:
        with reading(path):
            path.stat()
    except FileNotFoundError:
        return False
    return True


class InputError(ValueError):
    """Bad input from a person: the message names the file, the field and the fix; the CLI exits with 2. The message is
    one printable paragraph, whatever it quotes."""

    def __init__(self, message: str) -> None:
        # A quoted value may be a megabyte long; the place stands at the start of the message, the fix at its end.
        if len(message) > HEAD + TAIL:
            message = f"{message[:HEAD]} [...] {message[-TAIL:]}"
        super().__init__(printable(message))


def printable(text: str) -> str:
    """The text on one line, with unprintable characters (controls, lone surrogates) escaped."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return " " if letter.isspace() else letter.encode("unicode_escape").decode()


def is_file(text: str | Path) -> bool:
    """Whether any text, of any length, is the path of a file; pathlib raises OSError for some texts."""
    return os.path.isfile(text)
