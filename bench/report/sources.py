"""The results for reports that are made again: from the store, or from the archive in the report folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import InputError
from bench.report.analysis.analysis import Analysis, analyse
from bench.report.analysis.archive import ARCHIVE, TRIALS, load
from bench.report.analysis.frames import Results, collect, describe
from bench.report.tables.speed_records import FOLDER as SPEED
from bench.store.run_store import RunStore
from bench.study.study import Study


def all_analyses(
    studies: Sequence[Study], store: RunStore, reports: Path
) -> Iterator[tuple[Analysis, Path, RunStore | None]]:
    """(analysis, report folder, store): for each of the studies, or without studies for every folder with an archive.
    The store is None for results from an archive.

    If the store has no run of a study's control, the archive is used, provided that it holds the study's runs and
    scores; title, claim and hypotheses are those of the study file. Raises InputError if there are no results.
    """
    if studies:
        for study in studies:
            folder = reports / study.name
            if any(store.state(run.id) != "new" for run in study.runs() if run.label == study.control.label):
                yield analyse(collect(study, store)), folder, store
            elif (folder / ARCHIVE).exists():
                yield analyse(_with_study(study, load(folder), folder)), folder, None
            else:
                raise InputError(f"{study.path}: neither {store.root} nor {folder} has results; bench run it first")
        return
    archives = sorted(reports.glob(f"*/{ARCHIVE}"))
    if not archives and not any(any(reports.glob(other)) for other in (f"*/{TRIALS}", f"{SPEED}/*.json")):
        raise InputError(f"{reports}: no reports here; bench run a study first, or name another folder with --reports")
    for archive in archives:
        yield analyse(load(archive.parent)), archive.parent, None


def _with_study(study: Study, archived: Results, folder: Path) -> Results:
    """The archived runs with the study of the file, whose title, claim and hypotheses may have changed since. Raises
    InputError if runs or metrics differ."""
    today, kept = describe(study), archived.study
    wanted = [(run.label, run.config.seed, run.id) for run in study.runs()]
    if wanted != [(run["label"], run["seed"], run["id"]) for run in archived.runs]:
        raise InputError(
            f"{folder} holds the results of `{kept['command']}`, whose runs are not those of `{study.command}` with "
            f"{study.path} and bench as they are now; give the same options, or bench run the study"
        )
    if unscored := [metric for metric in today["metrics"] if metric not in kept["metrics"]]:
        raise InputError(
            f"{folder} has no scores of {', '.join(unscored)}, which {study.path} asks for; bench run the study"
        )
    return replace(archived, study=today | {"command": kept["command"]})
