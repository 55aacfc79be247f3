"""Notices that a run does not get on, says where it stands, and ends the process, which would wait for ever."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

CHECKS = 20  # within the patience
HUNG = 1  # the exit code


class Watchdog:
    """Inside a `with`: unless it is fed every `patience` seconds, the stacks of all threads go to `stacks`, `hung` is
    called, and the process ends. By the monotonic clock: that a clock is set does not matter."""

    def __init__(self, patience: float, stacks: Path, hung: Callable[[str], None]) -> None:
        self.patience, self.stacks, self.hung = patience, stacks, hung
        self.fed, self.over = time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def feed(self) -> None:
        """The run got on."""
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
            if now - last > self.patience / 2:  # we were stopped ourselves, and the run with us
                self.fed = now
            last = now
            if now - self.fed > self.patience:
                self._end()

    def _end(self) -> None:
        try:
            with open(self.stacks, "w") as file:
                faulthandler.dump_traceback(file, all_threads=True)
            self.hung(f"no sign of progress for {self.patience:g} seconds")
        finally:
            sys.stdout.flush()
            os._exit(HUNG)
