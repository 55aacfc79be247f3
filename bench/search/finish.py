"""The end of a search: its default and its winner run, held against each other, and the report written."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from optuna.study import Study as OptunaStudy

from bench.measure.metrics import METRICS
from bench.report.analysis.archive import ARCHIVE
from bench.report.analysis.frames import Results, collect
from bench.report.folder import rewritten
from bench.report.search.results import SearchResults
from bench.report.search.write import BEST_FILE, confirmed_in, write_search
from bench.report.write import write_report
from bench.runs.executors import Job
from bench.search.best import BEST, best_yaml
from bench.search.load import Search
from bench.search.outcome import collect_search, default_runs
from bench.store.run_store import RunStore, State, write_atomically
from bench.study.load import load_study
from bench.study.study import Study

ENDED: tuple[State, ...] = ("done", "diverged", "failed", "unavailable")


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
) -> tuple[SearchResults, Results | None]:
    """The search's page, and below it the report of the comparison if that was run."""
    results = collect_search(search, optuna_study, store)
    results = replace(results, search=results.search | {"folder": folder.as_posix()})
    study, best = best_study(search, results, folder), None
    if study is not None:
        runs = study.runs()
        results = replace(results, search=results.search | {"best_runs": [run.id for run in runs]})
        if all(store.state(run.id) in ENDED for run in runs):
            best = collect(study, store)
    with rewritten(folder) as beside:
        if study is None:
            (beside / BEST_FILE).unlink(missing_ok=True)
        if best is not None:
            write_report(best, beside / BEST, store, pictures)
        if confirmed_in(results, beside) is None and (beside / BEST / ARCHIVE).exists():
            shutil.rmtree(beside / BEST)  # of another winner
        write_search(results, beside, confirmed_in(results, beside))
    return results, best
