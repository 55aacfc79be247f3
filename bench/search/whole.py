"""A search from its first trial to its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.errors import InputError
from bench.report.ownership import check_free
from bench.report.search.results import SearchResults
from bench.runs.runner import default_workers, jobs_of, run_jobs
from bench.search.best import check_best
from bench.search.finish import best_study, check_objectives, default_jobs, write_all
from bench.search.load import Search
from bench.search.outcome import collect_search, describe
from bench.search.processes import work
from bench.search.storage import open_study
from bench.search.worker import Orders
from bench.store.run_store import RunStore, State
from bench.study.hypotheses import COUNTS

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster


def run_search(
    search: Search,
    orders: Orders,
    store: RunStore,
    workers: int | None,
    folder: Path,
    pictures: bool,
    confirm: bool,
    console: Console,
    cluster: Cluster | None = None,
) -> tuple[SearchResults, list[State]]:
    """What is missing of a search: its trials, the default, the comparison at the end; then its report in `folder`.
    Gives the results, and the states of the runs beside the trials.

    Raises InputError before anything is written, KeyboardInterrupt, WorkersLost, and STORAGE_ERRORS.
    """
    check_objectives(search)
    check_best(search)
    check_free("search", search.path, describe(search), folder)
    work(search, orders, _workers(search, orders, workers, cluster), console, cluster)
    study, _ = open_study(search, orders.url)
    states: dict[str, State] = {}
    if confirm:
        asked = (store, console, orders.machine, workers, cluster)
        states |= run_jobs(default_jobs(search), *asked)
        if (best := best_study(search, collect_search(search, study, store), folder)) is not None:
            states |= run_jobs(jobs_of([best]), *asked)
    results, _ = write_all(search, study, store, folder, pictures)
    return results, list(states.values())


def _workers(search: Search, orders: Orders, asked: int | None, cluster: Cluster | None) -> int:
    """As asked, or as many as the machine or the cluster bears; one where speed or memory is measured, which others
    would disturb."""
    measured = [c.quantity for c in search.constraints] + [o.quantity for o in search.objectives if o.is_cost]
    if speeds := [quantity for quantity in measured if quantity not in COUNTS]:
        if asked is not None and asked > 1:
            raise InputError(f"--workers {asked}: {speeds[0]} is measured, so nothing else may be at work; use 1")
        return 1
    if cluster is not None:
        return min(asked or cluster.room(orders.machine), search.file.trials)
    return asked or default_workers(orders.machine, search.file.trials)


def lacking(search: Search, results: SearchResults) -> str:
    """What is to be said if there are fewer trials than were asked for; a grid may be small."""
    untrained = len(results.outcome("infeasible", "invalid"))
    trained = len(results.trials) - untrained - len(results.outcome("lost"))
    if trained >= search.file.trials or search.file.sampler == "grid":
        return ""
    broken, invalid = len(results.outcome("infeasible")), len(results.outcome("invalid"))
    return (
        f"{trained} of {search.file.trials} trials were trained: {broken} proposals broke a constraint, {invalid} made "
        f"no config; loosen the constraints of {search.path}, or narrow its space"
    )
