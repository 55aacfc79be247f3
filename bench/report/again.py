"""Where a report's results come from when it is made again: the store, or the archive in its folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.config import InputError
from bench.report.archive import ARCHIVE, load
from bench.report.frames import Results, collect
from bench.store import RunStore
from bench.study import Study


def all_results(
    studies: Sequence[Study], store: RunStore, reports: Path
) -> Iterator[tuple[Results, Path, RunStore | None]]:
    """(results, report folder, the store if they came from it): of the studies, or of every folder with an archive.

    A study that the store knows no run of is taken from its archive. Raises InputError if there is neither.
    """
    if studies:
        for study in studies:
            folder = reports / study.name
            if any(store.state(run.id) != "new" for run in study.runs()):
                yield collect(study, store), folder, store
            elif (folder / ARCHIVE).exists():
                results = load(folder)
                if results.study["command"] != study.command:
                    raise InputError(
                        f"{folder} holds the results of `{results.study['command']}`, not of `{study.command}`; "
                        "give its options, or bench run the study"
                    )
                yield results, folder, None
            else:
                raise InputError(f"{study.path}: neither {store.root} nor {folder} has results; bench run it first")
        return
    archives = sorted(reports.glob(f"*/{ARCHIVE}"))
    if not archives:
        raise InputError(f"{reports}: no reports here; bench run a study first, or name another folder with --reports")
    for archive in archives:
        yield load(archive.parent), archive.parent, None
