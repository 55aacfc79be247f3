"""Ctrl-C and SIGTERM from the first import on: one line, exit 130; no traceback, whatever is being imported."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

INTERRUPTED = 130
WORDS = "interrupted; what is done is kept"
IMPORTING = "<frozen importlib._bootstrap>"
"""The file of a frame that an import runs in."""

_state = {"is at work": False, "was heard": False}


def listen() -> None:
    """From now on; signals that whoever started this process has it ignore stay ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    sys.unraisablehook = _unraisable
    atexit.register(_ignore)  # the last to be called: then Python gives signals back, and one would kill it


@contextmanager
def at_work() -> Iterator[None]:
    """A command, which may have something to put away when it is interrupted: meanwhile KeyboardInterrupt is raised."""
    _state["is at work"] = True
    try:
        yield
    finally:
        _state["is at work"] = False


def was_heard() -> bool:
    """Whether there was an interruption: what is raised after one may be its doing."""
    return _state["was heard"]


def over(code: int) -> None:
    """All is done and said: what is heard from now on, while Python puts itself away, changes nothing."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _stop:
            signal.signal(number, lambda *_: os._exit(code))


def _ignore() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> None:
    _state["was heard"] = True
    if not _state["is at work"] or _imports(frame):
        _leave()
    raise KeyboardInterrupt


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported: there KeyboardInterrupt may be taken for a missing module, or end in C++."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False


def _unraisable(problem: Any) -> None:
    """Where Python cannot raise, as in a destructor, an interruption would be printed and forgotten."""
    if problem.exc_type is KeyboardInterrupt:
        _leave()
    sys.__unraisablehook__(problem)


def _leave() -> NoReturn:
    """At once, with the words."""
    with suppress(Exception):  # it may be at work just now
        sys.stdout.flush()
    with suppress(OSError):
        if os.isatty(1):
            os.write(1, b"\x1b[?25h")  # the cursor, which a progress bar hides
        os.write(2, f"{WORDS}\n".encode())
    os._exit(INTERRUPTED)


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """For processes that are started meanwhile: they inherit that until they ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # which would be started with the first of them, and lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
