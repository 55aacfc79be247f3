"""Start the workers of a search, here or on a cluster, and wait for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rich.console import Console

from bench.runs.executors import signals_stop
from bench.search.progress import SearchDisplay
from bench.search.search import Search
from bench.search.storage import open_study
from bench.search.trials import outcomes
from bench.search.worker import Worker, WorkerSettings

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster
from bench.search.local_workers import _processes, _queue_failed


def work(
    search: Search, orders: WorkerSettings, workers: int, console: Console, cluster: Cluster | None = None
) -> None:
    """Make the search's trials, here or on the nodes of a cluster. Raises KeyboardInterrupt when told to stop,
    WorkersLost, InputError."""
    study, _ = open_study(search, orders.url)  # before any worker: the tables and the study are then there
    with SearchDisplay(console, search) as display:

        def show() -> int:
            trials = study.get_trials(deepcopy=False)
            display.show(trials)
            return sum(how == "complete" for how in outcomes(trials).values())

        _queue_failed(search, study, orders)
        show()
        if cluster is not None:
            from bench.search.ray_workers import work_on

            work_on(cluster, search, orders, workers, display.tell, show)
        elif workers == 1:
            stop = threading.Event()
            with signals_stop(stop):
                Worker(search, orders, display.tell, stop.is_set).work(ended=show)
        else:
            _processes(search, orders, workers, display.tell, show)
