"""The driver's end of what tasks say and ask: their news, the word to stop, and the store for those that do not see it.

A Ray actor on the driver's node; it is gone when the driver is."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from bench.errors import reading
from bench.store.run_store import RUN_ID, RunStore, TakenOver

PIECE = 16 << 20  # bytes of a file that travel at once
OWN = re.compile(r"\..*|lease(\..*)?")  # files that belong to who writes a folder: they never travel


class Board:
    """`holder` is a task's own name: one that counts as lost may still be alive, and must not write any more."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.claims: dict[str, tuple[str, ExitStack]] = {}
        self.latest: dict[str, tuple[str, float]] = {}
        self.begun: set[str] = set()
        self.is_over = False

    def exchange(self, holder: str, news: dict[str, tuple[str, float]]) -> bool:
        """A task's news (run -> phase, share) for the word whether to stop."""
        self.begun.add(holder)
        self.latest |= news
        return self.is_over

    def news(self) -> dict[str, tuple[str, float]]:
        """For the driver: what is new of each run."""
        latest, self.latest = self.latest, {}
        return latest

    def stop(self) -> set[str]:
        """Tell all tasks to save where they are, and end; gives those that have begun, the others will end at once."""
        self.is_over = True
        return self.begun

    def claim(self, run: str, holder: str) -> list[str] | None:
        """Hold a run in the driver's store on a task's behalf: its files, or None if another has it."""
        if run in self.claims or self.is_over:
            return None
        stack = ExitStack()
        if not stack.enter_context(self.store.claim(_plain(run))):
            stack.close()
            return None
        self.claims[run] = (holder, stack)
        return travelling(self.store.folder(run))

    def release(self, run: str, holder: str) -> None:
        """The task is done with it."""
        if run in self.claims and self.claims[run][0] == holder:
            self.drop(run)

    def drop(self, run: str) -> None:
        """Whoever held the run is dead."""
        if run in self.claims:
            self.claims.pop(run)[1].close()

    def read(self, run: str, holder: str, name: str, offset: int) -> bytes:
        """A piece of a file, empty behind its end. Raises Unreadable."""
        path = self._path(run, holder, name)
        with reading(path), open(path, "rb") as file:
            file.seek(offset)
            return file.read(PIECE)

    def write(self, run: str, holder: str, name: str, piece: bytes, is_first: bool, is_last: bool) -> None:
        """A piece of a file, which is there for readers when the last one is."""
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
        """A file that the task has renamed."""
        os.replace(self._path(run, holder, old), self._path(run, holder, new))

    def remove(self, run: str, holder: str, name: str) -> None:
        """A file that the task has removed."""
        self._path(run, holder, name).unlink(missing_ok=True)

    def _path(self, run: str, holder: str, name: str) -> Path:
        if self.claims.get(run, ("",))[0] != holder:
            raise TakenOver(f"{run} is another task's now")
        self.store.check_held(run)
        return self.store.folder(run) / safe(name)


def travelling(folder: Path) -> list[str]:
    """The files of a run's folder that another machine needs."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in names if not any(OWN.fullmatch(part) for part in PurePosixPath(name).parts))


def safe(name: str) -> PurePosixPath:
    """A file's name that stays in its run's folder. Raises ValueError."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or "\\" in name or any(OWN.fullmatch(part) for part in path.parts):
        raise ValueError(f"{name!r} is no file of a run")
    return path


def _plain(run: str) -> str:
    if not RUN_ID.fullmatch(run):
        raise ValueError(f"{run!r} is no run's id")
    return run
