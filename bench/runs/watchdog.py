"""Notices that a run hangs, writes where it stands, and ends the process, which would wait for ever."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

CHECKS = 20  # within `patience` seconds
EXIT_CODE = 1


class Watchdog:
    """Inside a `with`: unless fed every `patience` seconds, it writes the stacks of all threads to `stacks`, calls
    `on_hang` with the reason, and ends the process. Its clock is monotonic, so setting the time changes nothing."""

    def __init__(self, patience: float, stacks: Path, on_hang: Callable[[str], None]) -> None:
        self.patience, self.stacks, self.on_hang = patience, stacks, on_hang
        self.fed, self.over = time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def feed(self) -> None:
        """The run made progress."""
        self.fed = time.monotonic()

    def __enter__(self) -> Watchdog:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self.over.wait(self.patience / CHECKS):
            now = time.monotonic()
            if now - last > self.patience / 2:  # this process was stopped, and the run with it
                self.fed = now
            last = now
            if now - self.fed > self.patience:
                self._end()

    def _end(self) -> None:
        try:
            with open(self.stacks, "w") as file:
                faulthandler.dump_traceback(file, all_threads=True)
            self.on_hang(f"no sign of progress for {self.patience:g} seconds")
        finally:
            sys.stdout.flush()
            os._exit(EXIT_CODE)
