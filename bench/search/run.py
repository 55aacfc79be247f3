"""Run a search: its trials, the default, the final comparison, the report."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.study import Study as OptunaStudy
from rich.console import Console

from bench.errors import InputError
from bench.measure.metrics import METRICS
from bench.report.analysis.analysis import analyse
from bench.report.analysis.archive import ARCHIVE
from bench.report.analysis.frames import collect
from bench.report.folder import rewritten
from bench.report.ownership import check_free
from bench.report.search.results import SearchResults
from bench.report.search.write import BEST_FILE, confirmation_in, write_search
from bench.report.write import write_report
from bench.runs.runner import RunRequest, default_workers, jobs_of, run_jobs
from bench.search.best import BEST, best_yaml, check_best
from bench.search.optuna_study import open_study
from bench.search.results import collect_search, default_runs, describe
from bench.search.search import Search
from bench.search.worker import WorkerSettings
from bench.search.workers import run_workers
from bench.store.run_store import RunStore, State, write_atomically
from bench.study.hypotheses import COUNTS
from bench.study.load import load_study
from bench.study.study import Job, Study

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster

ENDED: tuple[State, ...] = ("done", "diverged", "failed", "unavailable")
"""States of a run that need no more training."""


@dataclass(frozen=True)
class SearchRequest:
    """What one `bench search` asks for."""

    search: Search
    settings: WorkerSettings
    store: RunStore
    folder: Path
    """The report's folder."""
    workers: int | None = None
    """Trials at a time; None takes as many as the machine or the cluster has room for."""
    with_pictures: bool = True
    with_comparison: bool = True
    cluster: Cluster | None = None


def run_search(request: SearchRequest, console: Console) -> tuple[SearchResults, list[State]]:
    """Do what is missing of a search: its trials, the default, the final comparison; then write its report. Gives the
    results, and the states of the runs besides those of trials.

    Raises InputError before anything is written, KeyboardInterrupt, WorkersLost, and STORAGE_ERRORS.
    """
    search, settings, store, folder = request.search, request.settings, request.store, request.folder
    _check_objectives(search)
    check_best(search)
    check_free("search", search.path, describe(search), folder)
    run_workers(search, settings, _count_workers(request), console, request.cluster)
    optuna_study, _ = open_study(search, settings.url)
    states: dict[str, State] = {}
    if request.with_comparison:
        runs = RunRequest(_default_jobs(search), store, settings.machine, request.workers, request.cluster)
        states |= run_jobs(runs, console)
        if (best := _best_study(search, collect_search(search, optuna_study, store), folder)) is not None:
            states |= run_jobs(replace(runs, jobs=jobs_of([best])), console)
    results = write_reports(search, optuna_study, store, folder, request.with_pictures)
    return results, list(states.values())


def _check_objectives(search: Search) -> None:
    """Check that this machine can compute the scores, before any trial. Raises InputError."""
    from bench.measure.metrics import Unavailable
    from bench.measure.metrics import load as load_metric

    side = search.default.data.image_size
    for metric in search.metrics:
        if (min_side := METRICS[metric].min_side) > side:
            raise search.located.error(("objectives", metric), f"needs images of {min_side} px, and these have {side}")
        try:
            load_metric(metric, "cpu")
        except Unavailable as error:
            raise search.located.error(("objectives", metric), f"cannot be computed here: {error}") from None


def _count_workers(request: SearchRequest) -> int:
    """As many as requested, or as the machine or the cluster has room for. One if speed or memory is measured, which
    other workers would disturb. Raises InputError."""
    search, machine = request.search, request.settings.machine
    measured = [cost for cost in (*search.constrained, *search.cost_objectives) if cost not in COUNTS]
    if measured:
        if request.workers is not None and request.workers > 1:
            raise InputError(
                f"--workers {request.workers}: {measured[0]} is measured, and other workers would disturb it; use 1"
            )
        return 1
    if request.cluster is not None:
        return min(request.workers or request.cluster.room(machine), search.file.trials)
    return request.workers or default_workers(machine, search.file.trials)


def _default_jobs(search: Search) -> list[Job]:
    """The runs of the default, judged and scored as trials are."""
    return [(run, tuple(search.metrics)) for run in default_runs(search)]


def _best_study(search: Search, results: SearchResults, folder: Path) -> Study | None:
    """Write the study of the winner against the default into the report folder, and load it. None without a winner, or
    if the winner is the default."""
    winner = next((trial for trial in results.trials if trial.number == results.winner), None)
    if winner is None or results.search["winner_is_default"]:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    default_costs = results.default["costs"]
    equal_costs = [quantity for quantity, value in winner.costs.items() if default_costs.get(quantity) == value]
    write_atomically(folder / BEST_FILE, best_yaml(search, winner.changes, equal_costs))
    return load_study(folder / BEST_FILE, search.scale, search.arguments.data)


def write_reports(
    search: Search, optuna_study: OptunaStudy, store: RunStore, folder: Path, with_pictures: bool
) -> SearchResults:
    """Write the search's page, and below it the report of the final comparison if all its runs have ended."""
    results = collect_search(search, optuna_study, store)
    results = replace(results, search=results.search | {"folder": folder.as_posix()})
    study, comparison = _best_study(search, results, folder), None
    if study is not None:
        runs = study.runs()
        results = replace(results, search=results.search | {"best_runs": [run.id for run in runs]})
        if all(store.state(run.id) in ENDED for run in runs):
            comparison = analyse(collect(study, store))
    with rewritten(folder) as draft:
        if study is None:
            (draft / BEST_FILE).unlink(missing_ok=True)
        if comparison is not None:
            write_report(comparison, draft / BEST, store, with_pictures)
        confirmation = confirmation_in(results, draft)
        if confirmation is None and (draft / BEST / ARCHIVE).exists():
            shutil.rmtree(draft / BEST)  # it compares another winner
        write_search(results, draft, confirmation)
    return results


def shortfall(search: Search, results: SearchResults) -> str:
    """Why fewer trials were trained than requested; "" if none are missing. A grid may be small."""
    infeasible, invalid = len(results.outcome("infeasible")), len(results.outcome("invalid"))
    trained = len(results.trials) - infeasible - invalid - len(results.outcome("lost"))
    if trained >= search.file.trials or search.file.sampler == "grid":
        return ""
    return (
        f"{trained} of {search.file.trials} trials were trained: {infeasible} proposals broke a constraint, {invalid} "
        f"made no valid config; loosen the constraints of {search.path}, or narrow its space"
    )
