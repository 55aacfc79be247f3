"""Handles Ctrl-C and SIGTERM from the first import on: one line and exit code 130, never a traceback."""

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
"""The file name of the frames of a running import."""

_state = {"is at work": False, "was heard": False}


def listen() -> None:
    """Handle both signals from now on; a signal that the parent process had ignored stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    sys.unraisablehook = _unraisable
    atexit.register(_ignore)  # called last: then Python restores the default handlers, and a signal would kill it


@contextmanager
def at_work() -> Iterator[None]:
    """For a command's block: an interruption raises KeyboardInterrupt, so that the command can clean up."""
    _state["is at work"] = True
    try:
        yield
    finally:
        _state["is at work"] = False


def was_heard() -> bool:
    """Whether a signal has come: an exception after it may be its consequence."""
    return _state["was heard"]


def over(code: int) -> None:
    """The command is done: a signal from now on, while Python shuts down, leaves the exit code as it is."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _on_signal:
            signal.signal(number, lambda *_: os._exit(code))


def _ignore() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _on_signal(number: int, frame: FrameType | None) -> None:
    _state["was heard"] = True
    if not _state["is at work"] or _is_importing(frame):
        _leave()
    raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: KeyboardInterrupt there may pass for a missing module, or crash C++ code."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False


def _unraisable(problem: Any) -> None:
    """Exit on an interruption where Python cannot raise, as in a destructor: it would be printed and forgotten."""
    if problem.exc_type is KeyboardInterrupt:
        _leave()
    sys.__unraisablehook__(problem)


def _leave() -> NoReturn:
    """Exit at once, with the message."""
    with suppress(Exception):  # another write may be in progress
        sys.stdout.flush()
    with suppress(OSError):
        if os.isatty(1):
            os.write(1, b"\x1b[?25h")  # the cursor, which a progress bar hides
        os.write(2, f"{WORDS}\n".encode())
    os._exit(INTERRUPTED)


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Block SIGINT while processes are started: they inherit the block until they ignore the signal."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # else it starts with the first process, and lifts the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
