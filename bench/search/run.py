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
from bench.search.results import collect_search, describe
from bench.search.search import Search
from bench.search.storage import open_study
from bench.search.worker import WorkerSettings
from bench.search.workers import work
from bench.store.run_store import RunStore, State
from bench.study.hypotheses import COUNTS

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster
import shutil
from dataclasses import replace

from optuna.study import Study as OptunaStudy

from bench.measure.metrics import METRICS
from bench.report.analysis.analysis import Analysis, analyse
from bench.report.analysis.archive import ARCHIVE
from bench.report.analysis.frames import collect
from bench.report.folder import rewritten
from bench.report.search.write import BEST_FILE, confirmed_in, write_search
from bench.report.write import write_report
from bench.runs.executors import Job
from bench.search.best import BEST, best_yaml
from bench.search.results import default_runs
from bench.store.run_store import write_atomically
from bench.study.load import load_study
from bench.study.study import Study

ENDED: tuple[State, ...] = ("done", "diverged", "failed", "unavailable")


def run_search(
    search: Search,
    orders: WorkerSettings,
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


def _workers(search: Search, orders: WorkerSettings, asked: int | None, cluster: Cluster | None) -> int:
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


def check_objectives(search: Search) -> None:
    """Before any trial: that the scores can be had on this machine. Raises InputError."""
    from bench.measure.metrics import Unavailable
    from bench.measure.metrics import load as load_metric

    side = search.default.data.image_size
    for metric in search.metrics:
        if METRICS[metric].min_side > side:
            least = METRICS[metric].min_side
            raise search.located.error(("objectives", metric), f"needs images of {least} px, here are {side}")
        try:
            load_metric(metric, "cpu")
        except Unavailable as error:
            raise search.located.error(("objectives", metric), f"cannot be had here: {error}") from None


def default_jobs(search: Search) -> list[Job]:
    """The default as trials are judged, with their scores."""
    return [(run, tuple(search.metrics)) for run in default_runs(search)]


def best_study(search: Search, results: SearchResults, folder: Path) -> Study | None:
    """The winner against the default, written as a study's YAML into the report folder; None without a winner, or
    where that is the default."""
    won = next((trial for trial in results.trials if trial.number == results.winner), None)
    if won is None or results.search["winner_is_default"]:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    known = results.default["costs"]
    equal = [quantity for quantity, value in won.costs.items() if known.get(quantity) == value]
    write_atomically(folder / BEST_FILE, best_yaml(search, won.changes, equal))
    _, scale, data, _, _ = search.recipe
    return load_study(folder / BEST_FILE, scale, data)


def write_all(
    search: Search, optuna_study: OptunaStudy, store: RunStore, folder: Path, pictures: bool
) -> tuple[SearchResults, Analysis | None]:
    """The search's page, and below it the report of the comparison if that was run."""
    results = collect_search(search, optuna_study, store)
    results = replace(results, search=results.search | {"folder": folder.as_posix()})
    study, best = best_study(search, results, folder), None
    if study is not None:
        runs = study.runs()
        results = replace(results, search=results.search | {"best_runs": [run.id for run in runs]})
        if all(store.state(run.id) in ENDED for run in runs):
            best = analyse(collect(study, store))
    with rewritten(folder) as beside:
        if study is None:
            (beside / BEST_FILE).unlink(missing_ok=True)
        if best is not None:
            write_report(best, beside / BEST, store, pictures)
        if confirmed_in(results, beside) is None and (beside / BEST / ARCHIVE).exists():
            shutil.rmtree(beside / BEST)  # of another winner
        write_search(results, beside, confirmed_in(results, beside))
    return results, best
