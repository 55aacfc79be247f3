"""Execute runs in this process, or in several local ones; all executors have the signature `Executor`."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import FrameType
from typing import Any, Literal

from bench.errors import LeftAsItIs
from bench.interrupts import sigint_blocked
from bench.machine import Machine
from bench.store.run_store import RunStore, State
from bench.study.study import Job, Run

End = State | Literal["lost"] | LeftAsItIs
"""How a job ended; lost: its process died."""
ProgressCallback = Callable[[str, str, float], None]
"""Called with the run id, the phase, and the share of the phase that is done."""
Executor = Callable[[Sequence[Job], RunStore, Machine, ProgressCallback], Iterator[tuple[Run, End]]]
"""Gives each run with how it ended, as soon as it ends. Raises KeyboardInterrupt after SIGINT or SIGTERM, when every
run has saved a checkpoint."""


def in_process(
    jobs: Sequence[Job], store: RunStore, machine: Machine, tell: ProgressCallback
) -> Iterator[tuple[Run, End]]:
    """One run after the other."""
    from bench.runs.run import Watch, execute
    from bench.training.trainer import Interrupted

    stop = threading.Event()
    with signals_stop(stop):
        for run, metrics in jobs:
            if stop.is_set():
                raise KeyboardInterrupt
            try:
                end: End = execute(run, metrics, store, machine, Watch(tell, stop.is_set))
            except LeftAsItIs as left:
                end = left
            except Interrupted:
                raise KeyboardInterrupt from None
            yield run, end


def local_processes(workers: int) -> Executor:
    """`workers` runs at a time, each in a process of its own."""

    def execute_all(
        jobs: Sequence[Job], store: RunStore, machine: Machine, tell: ProgressCallback
    ) -> Iterator[tuple[Run, End]]:
        context = multiprocessing.get_context("spawn")
        stop, news = context.Event(), context.Queue()
        listener = threading.Thread(target=pass_on, args=(news, tell), daemon=True)
        listener.start()
        try:
            with (
                signals_stop(stop),
                ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(stop, news)) as pool,
            ):
                yield from _outcomes(pool, jobs, store, machine)
            if stop.is_set():
                raise KeyboardInterrupt
        finally:
            news.put(None)
            listener.join(2)  # a killed worker may have held the queue's lock
            news.cancel_join_thread()

    return execute_all


def _outcomes(
    pool: ProcessPoolExecutor, jobs: Sequence[Job], store: RunStore, machine: Machine
) -> Iterator[tuple[Run, End]]:
    with sigint_blocked():  # workers inherit the block until they ignore SIGINT
        futures = {pool.submit(_work, job, store, machine): job[0] for job in jobs}
    left = set(futures)
    while left:
        done, left = wait(left, min(1.0, store.grace / 6), FIRST_COMPLETED)
        for future in done:
            state = _end_of(future)
            if state is not None:
                yield futures[future], state
        _kill_frozen([futures[future].id for future in left], store)


def _end_of(future: Future[End | None]) -> End | None:
    try:
        return future.result()
    except BrokenProcessPool:  # a worker was killed, and the pool gives up all its jobs; their checkpoints remain
        return "lost"
    except LeftAsItIs as left:
        return left


def _kill_frozen(runs: list[str], store: RunStore) -> None:
    """Kill workers that renew no lease: they were stopped, or hang where none of their threads can run. Their runs
    resume in a new process."""
    children = {process.pid for process in multiprocessing.active_children()}
    for run in runs:
        if store.was_at_work(run) and (pid := store.silent_holder(run)) in children and pid is not None:
            os.kill(pid, signal.SIGKILL)


_worker: tuple[Any, Any] = (None, None)  # the event that tells all workers to stop, the queue of news
_preempted = threading.Event()  # tells this worker alone to stop


def _start_worker(stop: Any, news: Any) -> None:
    global _worker
    _worker = stop, news
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and sets the event
    signal.signal(signal.SIGTERM, lambda *_: _preempted.set())
    threading.Thread(target=die_with_parent, daemon=True).start()


def die_with_parent() -> None:
    """End this process when its parent dies: a killed parent cannot stop its workers, which would train on and then
    wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _work(job: Job, store: RunStore, machine: Machine) -> End | None:
    """Execute a run in a worker. None: all workers were told to stop before its end. lost: only this one was."""
    from bench.runs.run import Watch, execute
    from bench.training.trainer import Interrupted

    stop, news = _worker
    if stop.is_set():
        return None
    run, metrics = job
    watch = Watch(lambda *item: news.put(item), lambda: stop.is_set() or _preempted.is_set())
    try:
        return execute(run, metrics, store, machine, watch)
    except Interrupted:
        return None if stop.is_set() else "lost"
    finally:
        _preempted.clear()


def pass_on(news: Any, tell: Callable[..., None]) -> None:
    """Pass the items of a queue to `tell`, until None comes."""
    while (item := news.get()) is not None:
        tell(*item)


@contextmanager
def signals_stop(stop: Any) -> Iterator[None]:
    """SIGINT and SIGTERM ask the runs to stop at the next step; a second SIGINT interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
