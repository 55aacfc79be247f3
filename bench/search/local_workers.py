"""The workers of a search: in this process, or several of their own, watched and replaced; nodes.py has a cluster's."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from optuna.study import Study

from bench.errors import InputError
from bench.interrupts import sigint_blocked
from bench.runs.executors import die_with_parent, pass_on, signals_stop
from bench.runs.runner import MAX_LOSSES
from bench.search.load import load_search
from bench.search.search import Search
from bench.search.storage import STORAGE_ERRORS, queue_again, search_lock
from bench.search.trials import outcomes
from bench.search.worker import Worker, WorkerSettings

if TYPE_CHECKING:
    pass
from bench.search.worker import WorkersLost

POLL_SECONDS = 0.5


def _queue_failed(search: Search, study: Study, orders: WorkerSettings) -> None:
    """A failure is tried again by the next command, as those of studies are."""
    with search_lock(search, orders.root):
        for number, how in outcomes(study.get_trials(deepcopy=False)).items():
            if how == "failed":
                queue_again(study, number)


def _processes(search: Search, orders: WorkerSettings, workers: int, tell: Any, show: Callable[[], int]) -> None:
    context = multiprocessing.get_context("spawn")
    stop, news = context.Event(), context.Queue()
    listener = threading.Thread(target=pass_on, args=(news, tell), daemon=True)
    listener.start()

    def start() -> Any:
        process = context.Process(target=_main, args=(search.recipe, search.study_name, orders, stop, news))
        with sigint_blocked():  # the parent decides, and says so through the event
            process.start()
        return process

    losses, done = 0, show()
    try:
        with signals_stop(stop):
            living = [start() for _ in range(workers)]
            while living:
                time.sleep(POLL_SECONDS)
                if (now := show()) > done:  # they do get somewhere
                    losses, done = 0, now
                ends = [process.exitcode for process in living if process.exitcode is not None]
                living = [process for process in living if process.exitcode is None]
                killed = sum(code < 0 for code in ends)
                losses += killed
                if killed and not stop.is_set() and losses <= MAX_LOSSES:
                    living += [start() for _ in range(killed)]
        show()
        if stop.is_set():
            raise KeyboardInterrupt
        if any(ends):  # of those that were the last
            raise WorkersLost
    finally:
        stop.set()
        news.put(None)
        listener.join(2)  # a killed worker may have taken the queue's lock with it
        news.cancel_join_thread()


def _main(recipe: tuple[Any, ...], study_name: str, orders: WorkerSettings, stop: Any, news: Any) -> None:
    """recipe: of load_search, since a search holds what does not travel between processes."""
    own = threading.Event()  # SIGTERM speaks to this worker alone, SIGINT to its parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: own.set())
    threading.Thread(target=die_with_parent, daemon=True).start()
    try:
        search = load_search(*recipe)
        if search.study_name != study_name:
            raise InputError(f"{search.path} was changed while its search is at work")
        Worker(search, orders, lambda *item: news.put(item), lambda: stop.is_set() or own.is_set()).work()
    except KeyboardInterrupt:
        return
    except (InputError, *STORAGE_ERRORS) as error:
        sys.exit(f"a worker ended: {str(error).strip().splitlines()[0]}")
