"""Workers of a search as processes of this machine; one that is killed is replaced."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from bench.errors import InputError
from bench.interrupts import sigint_blocked
from bench.runs.executors import ProgressCallback, die_with_parent, pass_on, signals_stop
from bench.runs.runner import MAX_LOSSES
from bench.search.load import read_search
from bench.search.search import Search, SearchArguments
from bench.search.storage import STORAGE_ERRORS
from bench.search.worker import Worker, WorkerSettings, WorkersLost

POLL_SECONDS = 0.5


def run_local_workers(
    search: Search, settings: WorkerSettings, workers: int, tell: ProgressCallback, show_trials: Callable[[], int]
) -> None:
    """Make the search's trials in so many processes. Raises KeyboardInterrupt when told to stop, WorkersLost."""
    context = multiprocessing.get_context("spawn")
    stop, news = context.Event(), context.Queue()
    listener = threading.Thread(target=pass_on, args=(news, tell), daemon=True)
    listener.start()

    def start_worker() -> Any:
        process = context.Process(
            target=_work_in_process, args=(search.arguments, search.study_name, settings, stop, news)
        )
        with sigint_blocked():  # only the parent reacts, and stops the workers through the event
            process.start()
        return process

    losses, complete = 0, show_trials()
    try:
        with signals_stop(stop):
            living = [start_worker() for _ in range(workers)]
            while living:
                time.sleep(POLL_SECONDS)
                if (now := show_trials()) > complete:  # only losses without progress in between add up
                    losses, complete = 0, now
                exit_codes = [process.exitcode for process in living if process.exitcode is not None]
                living = [process for process in living if process.exitcode is None]
                killed = sum(code < 0 for code in exit_codes)
                losses += killed
                if killed and not stop.is_set() and losses <= MAX_LOSSES:
                    living += [start_worker() for _ in range(killed)]
        show_trials()
        if stop.is_set():
            raise KeyboardInterrupt
        if any(exit_codes):  # of the workers that ended last
            raise WorkersLost
    finally:
        stop.set()
        news.put(None)
        listener.join(2)  # not for ever: a killed worker may still hold the lock of the queue
        news.cancel_join_thread()


def _work_in_process(
    arguments: SearchArguments, study_name: str, settings: WorkerSettings, stop: Any, news: Any
) -> None:
    """Be a worker. It loads the search itself, since a Search cannot be pickled."""
    own_stop = threading.Event()  # SIGTERM is for this worker alone; SIGINT is for its parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: own_stop.set())
    threading.Thread(target=die_with_parent, daemon=True).start()
    try:
        search = read_search(arguments)
        if search.study_name != study_name:
            raise InputError(f"{search.path} changed while the search was running")
        Worker(search, settings, lambda *item: news.put(item), lambda: stop.is_set() or own_stop.is_set()).work()
    except KeyboardInterrupt:
        return
    except (InputError, *STORAGE_ERRORS) as error:
        sys.exit(f"a worker ended: {str(error).strip().splitlines()[0]}")
