"""Ways to execute runs: in this process, or in several local ones. One signature, so that more can be added."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

from bench.store import RunStore, State
from bench.study import Run

Job = tuple[Run, tuple[str, ...]]
"""A run and the metrics it is asked for."""
Tell = Callable[[str, str, float], None]
"""Run id, phase, share done."""
Executor = Callable[[Sequence[Job], RunStore, str, float, Tell], Iterator[tuple[Run, State]]]
"""Jobs, store, device, seconds between checkpoints, progress -> runs with their states as they end. Raises
KeyboardInterrupt after SIGINT or SIGTERM, when every run has saved where it is."""


def in_process(
    jobs: Sequence[Job], store: RunStore, device: str, checkpoint_seconds: float, tell: Tell
) -> Iterator[tuple[Run, State]]:
    """One run after the other, each with all threads."""
    from bench.run import Machine, Watch, execute
    from bench.training.trainer import Interrupted

    stop = threading.Event()
    machine = Machine(device=device, checkpoint_seconds=checkpoint_seconds)
    with _signals_set(stop):
        for run, metrics in jobs:
            if stop.is_set():
                raise KeyboardInterrupt
            try:
                state = execute(run, metrics, store, machine, Watch(tell, stop.is_set))
            except Interrupted:
                raise KeyboardInterrupt from None
            yield run, state


def local_processes(workers: int) -> Executor:
    """`workers` runs at a time, each with its share of the threads."""

    def execute_all(
        jobs: Sequence[Job], store: RunStore, device: str, checkpoint_seconds: float, tell: Tell
    ) -> Iterator[tuple[Run, State]]:
        context = multiprocessing.get_context("spawn")
        stop, news = context.Event(), context.Queue()
        threads = max(1, (os.cpu_count() or 1) // workers)
        setup = (stop, news, device, workers, checkpoint_seconds, threads)
        listener = threading.Thread(target=_pass_on, args=(news, tell), daemon=True)
        listener.start()
        try:
            with (
                _signals_set(stop),
                ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=setup) as pool,
            ):
                yield from _outcomes(pool, jobs, store)
            if stop.is_set():
                raise KeyboardInterrupt
        finally:
            news.put(None)
            listener.join()

    return execute_all


def _outcomes(pool: ProcessPoolExecutor, jobs: Sequence[Job], store: RunStore) -> Iterator[tuple[Run, State]]:
    futures = {pool.submit(_work, job, store): job[0] for job in jobs}
    for future in as_completed(futures):
        run = futures[future]
        try:
            state = future.result()
        except BrokenProcessPool:  # a worker was killed; what it had saved is there
            state = store.state(run.id)
            state = "failed" if state == "new" else state
        if state is not None:
            yield run, state


_setup: tuple[Any, ...] = ()


def _start_worker(*setup: Any) -> None:
    global _setup
    _setup = setup
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and says so through the event
    import torch

    torch.set_num_threads(setup[-1])


def _work(job: Job, store: RunStore) -> State | None:
    """Execute a run in a worker; None when it was told to stop before the end."""
    from bench.run import Machine, Watch, execute
    from bench.training.trainer import Interrupted

    stop, news, device, workers, checkpoint_seconds, _ = _setup
    if stop.is_set():
        return None
    machine = replace(Machine(), device=device, concurrent_runs=workers, checkpoint_seconds=checkpoint_seconds)
    run, metrics = job
    try:
        return execute(run, metrics, store, machine, Watch(lambda *news_item: news.put(news_item), stop.is_set))
    except Interrupted:
        return None


def _pass_on(news: Any, tell: Tell) -> None:
    while (item := news.get()) is not None:
        tell(*item)


@contextmanager
def _signals_set(stop: Any) -> Iterator[None]:
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
