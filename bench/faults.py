"""The ways in which a run can fail, by name, and what to do about each."""

from __future__ import annotations

import errno
from pathlib import Path

ADVICE = {
    "out_of_memory": "lower train.batch_size or --workers, or use a device with more memory",
    "disk_full": "make room where the run store lies (or in BENCH_CACHE), then give the same command",
    "read_only": "make the run store writable, or name another with --runs",
    "data_changed": "bring the images back as they were, then give the same command; `bench plan` shows the runs of "
    "the images as they are now",
    "hung": "the stack at that moment is in hang.txt; if a step only takes long, raise --hang-after",
    "lost": "fewer --workers, or more memory: the system ends processes that take too much",
    "error": "the traceback is in outcome.json; the same command tries it again",
}
"""Name -> what to do."""
SAID = {
    "out_of_memory": "out of memory",
    "disk_full": "disk full",
    "read_only": "cannot be written",
    "data_changed": "the data changed",
    "hung": "hung",
    "lost": "its process was killed",
    "error": "error",
}
"""Name -> how reports say it."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NO_RIGHT = (errno.EROFS, errno.EACCES, errno.EPERM)


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


def name_of(error: BaseException) -> str:
    """A key of ADVICE for an exception of a run."""
    words = str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in words:
        return "out_of_memory"
    number = error.errno if isinstance(error, OSError) else None
    if number in NO_ROOM or "No space left on device" in words or "Disk quota exceeded" in words:
        return "disk_full"
    if number in NO_RIGHT or "Read-only file system" in words:
        return "read_only"
    return "data_changed" if isinstance(error, DataChanged) else "error"
