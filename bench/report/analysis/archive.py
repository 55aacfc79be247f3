"""The archive of a report: its results in the form that is committed beside it, and read again."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pandas as pd

from bench.errors import InputError
from bench.measure.metrics import METRICS
from bench.report.analysis.frames import Results, photograph_of, to_frame
from bench.report.analysis.quantities import parse
from bench.store.run_store import write_atomically

TRIALS = "search.json"
"""The archive of a search, in its report folder."""
BEST = "best"
"""The folder of the comparison's report, in the search's."""

ARCHIVE = "study.json"
RECORDS = "records.csv.gz"
CURVES = "curves.csv.gz"
ASKED = {"quantity", "left", "relation", "right", "margin"}
"""What an archive says of a hypothesis."""


def head(results: Results) -> str:
    """The archive without records and curves: the study as it was reported and its runs, in the report's order."""
    return json.dumps({"study": results.study, "runs": results.runs}, indent=1) + "\n"


def save(results: Results, folder: Path) -> None:
    """Write the archive that the report can be made from again."""
    write_atomically(folder / ARCHIVE, head(results))
    _save_frame(results.records, folder / RECORDS)
    _save_frame(results.curves, folder / CURVES)


def _save_frame(frame: pd.DataFrame, path: Path) -> None:
    text = frame.to_csv(index=False, lineterminator="\n", na_rep="nan")
    write_atomically(path, gzip.compress(text.encode(), mtime=0))


def load(folder: Path) -> Results:
    """Read an archive. Raises InputError if there is none, it is damaged, or of a bench that knew other things."""
    try:
        content = json.loads((folder / ARCHIVE).read_text(encoding="utf-8"))
        records, curves = _load_frame(folder / RECORDS), _load_frame(folder / CURVES)
        if "photograph" not in records and "image" in records:
            records["photograph"] = records["image"].map(photograph_of)
        results = Results(content["study"], content["runs"], records, curves)
        _check(results)
        return results
    except FileNotFoundError as error:
        raise InputError(f"{folder}: no records to report on ({Path(error.filename).name} is not there)") from None
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: the records cannot be read: {error}") from None


def _check(results: Results) -> None:
    if not results.labels or "value" not in results.records or "value" not in results.curves:
        raise ValueError("they lack variants or values")
    if unknown := set(results.study["metrics"]) - set(METRICS):
        raise ValueError(f"they have metrics that are not known here: {', '.join(sorted(unknown))}")
    for hypothesis in results.study["hypotheses"]:
        if not isinstance(hypothesis, dict) or hypothesis.keys() != ASKED:
            raise ValueError("they are of another version of bench; make them again with bench run")
        parse(hypothesis["quantity"])


def _load_frame(path: Path) -> pd.DataFrame:
    rows = csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode(), newline=""))
    return to_frame(list(rows), rows.fieldnames or [])
