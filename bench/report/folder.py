"""A report's folder, rewritten beside the one that stands there and put in its place whole."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import InputError

MARK = ".writing"
"""What the name of a folder ends with in which a process writes a report."""
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


@contextmanager
def rewritten(folder: Path) -> Iterator[Path]:
    """A copy of the folder, of the same name, to change in the block. It takes the folder's place, whole, when the
    block ends well; else, and whenever this process is killed, the folder stays as it was.

    What is changed has to be replaced, not written into: files that stay the same are links to those of the folder.
    Raises InputError if the folder cannot be made, or if figures would be written elsewhere.
    """
    folder = _checked(folder)
    work = folder.with_name(f".{folder.name}.{platform.node()}.{os.getpid()}{MARK}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _tidy(folder)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        beside = work / folder.name
        if folder.exists():
            shutil.copytree(folder, beside, symlinks=True, copy_function=_link)
        else:
            beside.mkdir()
    except (OSError, shutil.Error) as error:
        shutil.rmtree(work, ignore_errors=True)
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{folder}: cannot write the report ({why}); use --reports DIR") from None
    try:
        yield beside
        _put_in_place(beside, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _checked(folder: Path) -> Path:
    """The folder itself, where a link leads to it. Raises InputError."""
    for below in (folder / "figures", folder / "figures" / "pictures"):
        if below.is_symlink():
            raise InputError(f"{below}: is a link, so that what lies there would be replaced; remove the link")
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        raise InputError(f"{folder}: cannot write the report (it is not a folder); use --reports DIR")
    return folder.resolve() if folder.is_symlink() else folder


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # a file system without links
        shutil.copy2(source, target, follow_symlinks=False)


def _put_in_place(beside: Path, folder: Path) -> None:
    if not folder.exists():
        beside.rename(folder)
    elif not _exchange(beside, folder):
        old = beside.with_name("old")  # `_tidy` puts it back if this process is killed between the two
        folder.rename(old)
        beside.rename(folder)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders at one instant; False where the system or the file system cannot."""
    if platform.system() != "Linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    paths = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other))
    return renameat2 is not None and renameat2(*paths, RENAME_EXCHANGE) == 0


def _tidy(folder: Path) -> None:
    """Remove what processes of this machine that were killed had begun to write, and put back a report that one of
    them had just taken away."""
    begins = f".{folder.name}.{platform.node()}."
    for work in folder.parent.iterdir():
        process = work.name.removeprefix(begins).removesuffix(MARK)
        if not work.name.startswith(begins) or not work.name.endswith(MARK) or _is_alive(process):
            continue
        if (work / "old").exists() and not folder.exists():
            (work / "old").rename(folder)
        shutil.rmtree(work, ignore_errors=True)


def _is_alive(process: str) -> bool:
    """Whether a process of this number is at work here; True for what is no number."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True
