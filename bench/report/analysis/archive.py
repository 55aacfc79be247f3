"""The archive of a report: the results that it was made from, as files beside it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from bench.errors import InputError
from bench.measure.metrics import METRICS
from bench.report.analysis.frames import Results, to_frame
from bench.report.analysis.quantities import parse
from bench.store.run_store import write_atomically

TRIALS = "search.json"
"""File with the archive of a search."""
BEST = "best"
"""Folder in a search's report with the report that compares its winner with the default."""

ARCHIVE = "study.json"
RECORDS = "records.csv.gz"
CURVES = "curves.csv.gz"
ASKED = {"quantity", "left", "relation", "right", "margin"}
"""The keys of a hypothesis in an archive."""


def head(results: Results) -> str:
    """The content of study.json: the study as it was reported and its runs, in the report's order."""
    return json.dumps({"study": results.study, "runs": results.runs}, indent=1) + "\n"


def save(results: Results, folder: Path) -> None:
    """Write the archive, from which the report can be made again."""
    write_atomically(folder / ARCHIVE, head(results))
    _save_frame(results.records, folder / RECORDS)
    _save_frame(results.curves, folder / CURVES)


def _save_frame(frame: pd.DataFrame, path: Path) -> None:
    text = frame.to_csv(index=False, lineterminator="\n", na_rep="nan")
    write_atomically(path, gzip.compress(text.encode(), mtime=0))


def load(folder: Path) -> Results:
    """Read an archive. Raises InputError if there is none, if it is damaged, or if its format is another."""
    try:
        content = json.loads((folder / ARCHIVE).read_text(encoding="utf-8"))
        records, curves = _load_frame(folder / RECORDS), _load_frame(folder / CURVES)
        results = Results(content["study"], content["runs"], records, curves)
        _check(results)
        return results
    except FileNotFoundError as error:
        raise InputError(f"{folder}: no records to report on ({Path(error.filename).name} is not there)") from None
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: the records cannot be read: {error}") from None


def load_archives(reports: Path, without: Collection[str] = ()) -> list[Results]:
    """Read the archives of all studies below the folder, except those with these names. Raises InputError for the first
    one that is damaged."""
    folders = [path.parent for path in sorted(reports.glob(f"*/{ARCHIVE}"))]
    return [load(folder) for folder in folders if folder.name not in without]


def _check(results: Results) -> None:
    has_values = {"photograph", "value"} <= set(results.records) and "value" in results.curves
    if not results.labels or not has_values:
        raise ValueError("variants or values are missing")
    if unknown := set(results.study["metrics"]) - set(METRICS):
        raise ValueError(f"unknown metrics: {', '.join(sorted(unknown))}")
    for hypothesis in results.study["hypotheses"]:
        if not isinstance(hypothesis, dict) or hypothesis.keys() != ASKED:
            raise ValueError("they are from another version of bench; bench run makes them again")
        parse(hypothesis["quantity"])


def _load_frame(path: Path) -> pd.DataFrame:
    rows = csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode(), newline=""))
    return to_frame(list(rows), rows.fieldnames or [])
