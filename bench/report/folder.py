"""Replace a report folder as a whole: a copy is changed beside it and then put in its place."""

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
"""Ending of the name of a work folder, in which a process writes a report."""
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


@contextmanager
def rewritten(folder: Path) -> Iterator[Path]:
    """Give a copy of the folder, of the same name, to change in the block. The copy takes the folder's place when the
    block succeeds. If it fails, or if this process is killed, the folder stays as it was. A folder inside such a copy
    is changed directly, since the copy is put in place as a whole.

    Replace files in the copy instead of writing into them: they are hard links to the folder's files. Raises InputError
    if the folder cannot be made, or if its figures would be written elsewhere.
    """
    folder = _checked(folder)
    if any(parent.name.endswith(_work_suffix()) for parent in folder.parents):
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    work = folder.with_name(f".{folder.name}{_work_suffix()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _tidy(folder)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        copy = work / folder.name
        if folder.exists():
            shutil.copytree(folder, copy, symlinks=True, copy_function=_link)
        else:
            copy.mkdir()
    except (OSError, shutil.Error) as error:
        shutil.rmtree(work, ignore_errors=True)
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{folder}: cannot write the report ({why}); use --reports DIR") from None
    try:
        yield copy
        _put_in_place(copy, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _work_suffix() -> str:
    """The ending of this process's work folders."""
    return f".{platform.node()}.{os.getpid()}{MARK}"


def _checked(folder: Path) -> Path:
    """The folder, with a symbolic link to it resolved. Raises InputError."""
    for below in (folder / "figures", folder / "figures" / "pictures"):
        if below.is_symlink():
            raise InputError(f"{below}: is a link, so the files that it points to would be replaced; remove the link")
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        raise InputError(f"{folder}: cannot write the report (it is not a folder); use --reports DIR")
    return folder.resolve() if folder.is_symlink() else folder


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # the file system has no hard links
        shutil.copy2(source, target, follow_symlinks=False)


def _put_in_place(copy: Path, folder: Path) -> None:
    if not folder.exists():
        copy.rename(folder)
    elif not _exchange(copy, folder):
        old = copy.with_name("old")  # `_tidy` puts it back if this process is killed between the two renames
        folder.rename(old)
        copy.rename(folder)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically; False where the system or the file system cannot."""
    if platform.system() != "Linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    paths = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other))
    return renameat2 is not None and renameat2(*paths, RENAME_EXCHANGE) == 0


def _tidy(folder: Path) -> None:
    """Remove the work folders of killed processes of this machine, and put back a report that one of them had just
    moved away."""
    prefix = f".{folder.name}.{platform.node()}."
    for work in folder.parent.iterdir():
        process = work.name.removeprefix(prefix).removesuffix(MARK)
        if not work.name.startswith(prefix) or not work.name.endswith(MARK) or _is_alive(process):
            continue
        if (work / "old").exists() and not folder.exists():
            (work / "old").rename(folder)
        shutil.rmtree(work, ignore_errors=True)


def _is_alive(process: str) -> bool:
    """Whether a process with this id runs here; True for text that is not a number."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True
