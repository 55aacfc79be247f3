"""A run store on a node that does not see the driver's: it fetches a run's files when it claims the run, and sends
back what changes."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.runs.ray_cluster.transfer import PIECE, files_to_send, path_in_run
from bench.store.checksums import NAME as LOG
from bench.store.run_store import RunStore, TakenOver

SEND_SECONDS = 0.5  # between looks for a new checkpoint
LAST = "outcome.json"  # sent last, so that a run counts as done only when all its files have arrived

Mark = tuple[int, int, int]
"""Identifies a file's content: inode, size, time."""


class CarriedStore(RunStore):
    """Holds one run at a time. The last run's files stay, so that its records can be read after its release."""

    def __init__(self, root: Path, link: Any) -> None:
        """link: a task's link to the driver (tasks.DriverLink)."""
        super().__init__(root)
        self.link = link
        self.sender: Sender | None = None

    @contextmanager
    def claim(self, run: str) -> Iterator[bool]:
        """Hold the run in the driver's store, with its files here; changes are sent there as they happen."""
        names = self.link.ask("claim", run)
        if names is None:
            yield False
            return
        shutil.rmtree(self.root, ignore_errors=True)
        try:
            self.sender = Sender(run, self.prepare(run), self.link)
            self.sender.fetch(names)
            with self.sender:
                yield True
        finally:
            self.sender = None
            self.link.ask("release", run)

    def write(self, run: str, name: str, content: Any) -> None:
        """Write NAME.json. An outcome is sent at once, since the process may end next, as after a hang."""
        super().write(run, name, content)
        if self.sender is not None and f"{name}.json" == LAST:
            self.sender.send_all()

    def check_held(self, run: str) -> None:
        """Raises TakenOver if the driver has given the run to another task."""
        if self.sender is not None and self.sender.is_taken:
            raise TakenOver(f"{run} is another task's now")


class Sender:
    """Sends one run's files. Inside a `with` it sends changes as they happen, and the rest at the end."""

    def __init__(self, run: str, folder: Path, link: Any) -> None:
        self.run, self.folder, self.link = run, folder, link
        self.sent: dict[str, Mark] = {}
        self.is_taken, self.guard = False, threading.Lock()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._send_on, daemon=True)

    def fetch(self, names: list[str]) -> None:
        """Fetch the run's files from the driver's store."""
        for name in names:
            path = self.folder / path_in_run(name)
            path.parent.mkdir(exist_ok=True)
            with open(path, "wb") as file:
                while piece := self.link.ask("read", self.run, name, file.tell()):
                    file.write(piece)
            self.sent[name] = mark_of(path)

    def __enter__(self) -> Sender:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        if self.is_taken:
            return
        self.send_all()
        for name in set(self.sent) - set(files_to_send(self.folder)):
            self.link.ask("remove", self.run, name)

    def send_all(self) -> None:
        """Send what has changed, the outcome last."""
        with self.guard:
            names = files_to_send(self.folder)
            for name in sorted(names, key=lambda name: name == LAST):
                self._send(name)

    def _send_on(self) -> None:
        while not self.over.wait(SEND_SECONDS):
            try:
                for name in files_to_send(self.folder):
                    with self.guard:
                        if name != LAST:
                            self._send(name)
            except TakenOver:
                self.is_taken = True
                return
            except Exception:  # the next round tries again, and the last one raises
                continue

    def _send(self, name: str) -> None:
        try:
            file = open(self.folder / name, "rb")  # noqa: SIM115
        except FileNotFoundError:  # renamed or removed meanwhile
            return
        with file:
            now = mark_of(file.fileno())
            if self.sent.get(name) == now:
                return
            if name != LOG:
                # The log goes first: it has had this file's sum since before the file was placed.
                self._send(LOG)
            if old := next((other for other, mark in self.sent.items() if mark == now), None):
                self.link.ask("rename", self.run, old, name)
                del self.sent[old]
            else:
                self._send_file(name, file)
            self.sent[name] = now

    def _send_file(self, name: str, file: Any) -> None:
        piece, is_first = file.read(PIECE), True
        while True:
            following = file.read(PIECE)
            if not following and name == LOG:
                piece = piece[: piece.rfind(b"\n") + 1]  # a half-written line is sent the next time
            self.link.ask("write", self.run, name, piece, is_first, not following)
            if not following:
                return
            piece, is_first = following, False


def mark_of(file: Path | int) -> Mark:
    """A mark that changes with the content, since files are replaced and never rewritten."""
    status = os.stat(file)
    return status.st_ino, status.st_size, status.st_mtime_ns
