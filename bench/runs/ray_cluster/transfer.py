"""The Ray actor on the driver's node: it collects the tasks' news, tells them to stop, and opens the driver's store to
nodes that do not see it. It ends with the driver."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from bench.errors import reading
from bench.store.run_store import RUN_ID, RunStore, TakenOver

PIECE = 16 << 20  # bytes of a file that are sent at once
LOCAL = re.compile(r"\..*|lease(\..*)?")  # files of the process that writes a folder: they are never sent


class StoreActor:
    """`holder` is a task's own name: a task that counts as lost may still be alive, and must no longer write."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.claims: dict[str, tuple[str, ExitStack]] = {}
        self.latest: dict[str, tuple[str, float]] = {}
        self.begun: set[str] = set()
        self.is_over = False

    def exchange(self, holder: str, news: dict[str, tuple[str, float]]) -> bool:
        """Take a task's news (run -> phase, share); gives whether the task has to stop."""
        self.begun.add(holder)
        self.latest |= news
        return self.is_over

    def news(self) -> dict[str, tuple[str, float]]:
        """The latest news of each run, for the driver; each is given once."""
        latest, self.latest = self.latest, {}
        return latest

    def stop(self) -> set[str]:
        """Tell all tasks to save a checkpoint and end; gives the holders that have begun."""
        self.is_over = True
        return self.begun

    def claim(self, run: str, holder: str) -> list[str] | None:
        """Hold a run in the driver's store for a task; gives its files, or None if another task or process holds it."""
        if run in self.claims or self.is_over:
            return None
        stack = ExitStack()
        if not stack.enter_context(self.store.claim(_checked_id(run))):
            stack.close()
            return None
        self.claims[run] = (holder, stack)
        return files_to_send(self.store.folder(run))

    def release(self, run: str, holder: str) -> None:
        """End a task's hold of a run."""
        if run in self.claims and self.claims[run][0] == holder:
            self.drop(run)

    def drop(self, run: str) -> None:
        """End the hold of a run whose task is dead."""
        if run in self.claims:
            self.claims.pop(run)[1].close()

    def read(self, run: str, holder: str, name: str, offset: int) -> bytes:
        """A piece of a file, empty past its end. Raises Unreadable."""
        path = self._path(run, holder, name)
        with reading(path), open(path, "rb") as file:
            file.seek(offset)
            return file.read(PIECE)

    def write(self, run: str, holder: str, name: str, piece: bytes, is_first: bool, is_last: bool) -> None:
        """Append a piece to a file; readers see the file once its last piece is written."""
        path = self._path(run, holder, name)
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with open(temporary, "wb" if is_first else "ab") as file:
            file.write(piece)
            if is_last:
                file.flush()
                os.fsync(file.fileno())
        if is_last:
            os.replace(temporary, path)

    def rename(self, run: str, holder: str, old: str, new: str) -> None:
        """Rename a file, as the task has done."""
        os.replace(self._path(run, holder, old), self._path(run, holder, new))

    def remove(self, run: str, holder: str, name: str) -> None:
        """Remove a file, as the task has done."""
        self._path(run, holder, name).unlink(missing_ok=True)

    def _path(self, run: str, holder: str, name: str) -> Path:
        if self.claims.get(run, ("",))[0] != holder:
            raise TakenOver(f"{run} is another task's now")
        self.store.check_held(run)
        return self.store.folder(run) / path_in_run(name)


def files_to_send(folder: Path) -> list[str]:
    """The files of a run's folder that another machine needs."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in names if not any(LOCAL.fullmatch(part) for part in PurePosixPath(name).parts))


def path_in_run(name: str) -> PurePosixPath:
    """The name as a path inside its run's folder. Raises ValueError for any other."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or "\\" in name or any(LOCAL.fullmatch(part) for part in path.parts):
        raise ValueError(f"{name!r} is no file of a run")
    return path


def _checked_id(run: str) -> str:
    if not RUN_ID.fullmatch(run):
        raise ValueError(f"{run!r} is no run's id")
    return run
