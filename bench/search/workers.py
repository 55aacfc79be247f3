"""Start the workers of a search, in this process, in processes of this machine or on a cluster, and wait for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from optuna.study import Study
from rich.console import Console

from bench.runs.executors import signals_stop
from bench.search.local_workers import run_local_workers
from bench.search.optuna_study import open_study
from bench.search.progress import SearchDisplay
from bench.search.search import Search
from bench.search.storage import search_lock
from bench.search.trials import outcomes, queue_again
from bench.search.worker import Worker, WorkerSettings

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster


def run_workers(
    search: Search, settings: WorkerSettings, workers: int, console: Console, cluster: Cluster | None = None
) -> None:
    """Make the search's trials. Raises KeyboardInterrupt when told to stop, WorkersLost, InputError."""
    study, _ = open_study(search, settings.url)  # creates the tables and the study before any worker needs them
    with SearchDisplay(console, search) as display:

        def show_trials() -> int:
            """Update the display; gives the number of complete trials."""
            trials = study.get_trials(deepcopy=False)
            display.show(trials)
            return sum(outcome == "complete" for outcome in outcomes(trials).values())

        _queue_failed(search, study, settings)
        show_trials()
        if cluster is not None:
            from bench.search.ray_workers import run_ray_workers

            run_ray_workers(cluster, search, settings, workers, display.tell, show_trials)
        elif workers == 1:
            stop = threading.Event()
            with signals_stop(stop):
                Worker(search, settings, display.tell, stop.is_set).work(after_trial=show_trials)
        else:
            run_local_workers(search, settings, workers, display.tell, show_trials)


def _queue_failed(search: Search, study: Study, settings: WorkerSettings) -> None:
    """Queue failed trials again: as in studies, the next command tries them once more."""
    with search_lock(search, settings.root):
        for number, outcome in outcomes(study.get_trials(deepcopy=False)).items():
            if outcome == "failed":
                queue_again(study, number)
