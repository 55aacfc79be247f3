"""Where a report's results come from when it is made again: the store, or the archive in its folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import InputError
from bench.report.analysis.archive import ARCHIVE, TRIALS, load
from bench.report.analysis.frames import Results, collect, describe
from bench.report.tables.speed_records import FOLDER as SPEED
from bench.store.run_store import RunStore
from bench.study.study import Study


def all_results(
    studies: Sequence[Study], store: RunStore, reports: Path
) -> Iterator[tuple[Results, Path, RunStore | None]]:
    """(results, report folder, the store if they came from it): of the studies, or of every folder with an archive.

    A study of whose control the store knows no run is taken from its archive, if that holds the study's runs and
    scores; what the study file says of them today counts. Raises InputError if there is neither.
    """
    if studies:
        for study in studies:
            folder = reports / study.name
            if any(store.state(run.id) != "new" for run in study.runs() if run.label == study.control.label):
                yield collect(study, store), folder, store
            elif (folder / ARCHIVE).exists():
                yield _as_asked(study, load(folder), folder), folder, None
            else:
                raise InputError(f"{study.path}: neither {store.root} nor {folder} has results; bench run it first")
        return
    archives = sorted(reports.glob(f"*/{ARCHIVE}"))
    if not archives and not any(any(reports.glob(other)) for other in (f"*/{TRIALS}", f"{SPEED}/*.json")):
        raise InputError(f"{reports}: no reports here; bench run a study first, or name another folder with --reports")
    for archive in archives:
        yield load(archive.parent), archive.parent, None


def _as_asked(study: Study, archived: Results, folder: Path) -> Results:
    """The archived runs under the study as its file is today: its title, claim and hypotheses may have changed."""
    today, kept = describe(study), archived.study
    wanted = [(run.label, run.config.seed, run.id) for run in study.runs()]
    if wanted != [(run["label"], run["seed"], run["id"]) for run in archived.runs]:
        raise InputError(
            f"{folder} holds the results of `{kept['command']}`, whose runs are not those of `{study.command}` as "
            f"{study.path} and bench are now; give its options, or bench run the study"
        )
    if lacking := [metric for metric in today["metrics"] if metric not in kept["metrics"]]:
        raise InputError(f"{folder} has no scores of {', '.join(lacking)}, which {study.path} asks for; bench run it")
    return replace(archived, study=today | {"command": kept["command"]})
