"""A store on a node that does not see the driver's: a run's files are brought when it is claimed, and go back."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.runs.ray_cluster.transfer import PIECE, safe, travelling
from bench.store.checksums import NAME as LOG
from bench.store.run_store import RunStore, TakenOver

SEND_SECONDS = 0.5  # between looks for a new checkpoint
LAST = "outcome.json"  # so that a run counts as done only when all of it has come

Mark = tuple[int, int, int]
"""Of a file's content: inode, size, time."""


class CarriedStore(RunStore):
    """Holds one run at a time: the last one, so that its records can be read when it has gone back."""

    def __init__(self, root: Path, line: Any) -> None:
        """line: a task's connection with the board (tasks.Line)."""
        super().__init__(root)
        self.line = line
        self.carrier: Carrier | None = None

    @contextmanager
    def claim(self, run: str) -> Iterator[bool]:
        """Hold the run in the driver's store, with its files here; what changes goes there, as it does."""
        names = self.line.ask("claim", run)
        if names is None:
            yield False
            return
        shutil.rmtree(self.root, ignore_errors=True)
        try:
            self.carrier = Carrier(run, self.prepare(run), self.line)
            self.carrier.bring(names)
            with self.carrier:
                yield True
        finally:
            self.carrier = None
            self.line.ask("release", run)

    def write(self, run: str, name: str, content: Any) -> None:
        """An outcome goes to the driver at once: the process may end behind it, as it does when the run hung."""
        super().write(run, name, content)
        if self.carrier is not None and f"{name}.json" == LAST:
            self.carrier.send_all()

    def check_held(self, run: str) -> None:
        """Raises TakenOver if the driver counts the run as another's."""
        if self.carrier is not None and self.carrier.is_taken:
            raise TakenOver(f"{run} is another task's now")


class Carrier:
    """Carries one run's files. Inside a `with` it sends what changes, and at its end all that has changed."""

    def __init__(self, run: str, folder: Path, line: Any) -> None:
        self.run, self.folder, self.line = run, folder, line
        self.there: dict[str, Mark] = {}
        self.is_taken, self.guard = False, threading.Lock()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._send_on, daemon=True)

    def bring(self, names: list[str]) -> None:
        """Fetch the run's files from the driver."""
        for name in names:
            path = self.folder / safe(name)
            path.parent.mkdir(exist_ok=True)
            with open(path, "wb") as file:
                while piece := self.line.ask("read", self.run, name, file.tell()):
                    file.write(piece)
            self.there[name] = mark(path)

    def __enter__(self) -> Carrier:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        if self.is_taken:
            return
        self.send_all()
        for name in set(self.there) - set(travelling(self.folder)):
            self.line.ask("remove", self.run, name)

    def send_all(self) -> None:
        """What has changed, the outcome last."""
        with self.guard:
            names = travelling(self.folder)
            for name in sorted(names, key=lambda name: name == LAST):
                self._send(name)

    def _send_on(self) -> None:
        while not self.over.wait(SEND_SECONDS):
            try:
                for name in travelling(self.folder):
                    with self.guard:
                        if name != LAST:
                            self._send(name)
            except TakenOver:
                self.is_taken = True
                return
            except Exception:  # it is tried again, and said at the end
                continue

    def _send(self, name: str) -> None:
        try:
            file = open(self.folder / name, "rb")  # noqa: SIM115
        except FileNotFoundError:  # renamed or removed meanwhile
            return
        with file:
            now = mark(file.fileno())
            if self.there.get(name) == now:
                return
            if name != LOG:
                self._send(LOG)  # which knows this file's sum, since the file was there
            if old := next((other for other, its in self.there.items() if its == now), None):
                self.line.ask("rename", self.run, old, name)
                del self.there[old]
            else:
                self._send_file(name, file)
            self.there[name] = now

    def _send_file(self, name: str, file: Any) -> None:
        piece, is_first = file.read(PIECE), True
        while True:
            following = file.read(PIECE)
            if not following and name == LOG:
                piece = piece[: piece.rfind(b"\n") + 1]  # a line that is being written comes the next time
            self.line.ask("write", self.run, name, piece, is_first, not following)
            if not following:
                return
            piece, is_first = following, False


def mark(file: Path | int) -> Mark:
    """Changes when the content does, since files are replaced."""
    status = os.stat(file)
    return status.st_ino, status.st_size, status.st_mtime_ns
