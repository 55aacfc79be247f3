"""What a report stands on: a study's runs and records as data frames, from a store or from a committed archive."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config import InputError
from bench.measure.metrics import METRICS
from bench.merging import difference
from bench.store import RunStore, write_atomically
from bench.study import Study

ARCHIVE = "study.json"
RECORDS = "records.csv.gz"
CURVES = "curves.csv.gz"
GROUND_TRUTH = "ground truth"
"""The label of the targets' own scores, for metrics without a better end."""


@dataclass(frozen=True)
class Results:
    """A study's results, free of configs and stores."""

    study: dict[str, Any]
    """title, claim, name, scale, command, seeds, metrics, hypotheses, variants (label, is_baseline,
    has_parameters, differences)."""
    runs: list[dict[str, Any]]
    """label, seed, id, state, and what the run's folder says: outcome, cost, throughput, training, data, ..."""
    records: pd.DataFrame
    """label, seed, metric, image, value"""
    curves: pd.DataFrame
    """label, seed, step, images, seconds, name, value"""

    @property
    def labels(self) -> list[str]:
        """Variants, the control first, then baselines."""
        return [variant["label"] for variant in self.study["variants"]]

    @property
    def control(self) -> str:
        return self.labels[0]

    @property
    def run_once(self) -> set[str]:
        """Methods without parameters, which do not differ by seed."""
        return {variant["label"] for variant in self.study["variants"] if not variant["has_parameters"]}

    def runs_of(self, label: str) -> list[dict[str, Any]]:
        return [run for run in self.runs if run["label"] == label]


def collect(study: Study, store: RunStore) -> Results:
    """Read the study's runs from the store."""
    runs, records, curves = [], [], []
    references: list[dict[str, Any]] = []
    for run in study.runs():
        at = {"label": run.label, "seed": run.config.seed}
        rows = _rows(store, run.id, study.metrics)
        state = store.state(run.id)
        missing = {m: _reason(store, run.id, state, m) for m in study.metrics if m not in rows}
        parts = ("outcome", "cost", "throughput", "training", "run")
        runs.append(at | {"id": run.id, "state": state, "missing": missing} | _read(store, run.id, parts))
        records += [at | {"metric": metric, **row} for metric, found in rows.items() for row in found]
        references = references or _references(rows)
        curves += [at | row for row in store.read_rows(run.id, "curve") or []]
    return Results(
        _describe(study),
        runs,
        _frame(records + references, ["label", "seed", "metric", "image", "value"]),
        _frame(curves, ["label", "seed", "step", "images", "seconds", "name", "value"]),
    )


def _read(store: RunStore, run: str, parts: tuple[str, ...]) -> dict[str, Any]:
    found = {part: store.read(run, part) for part in parts}
    if found["outcome"]:
        found["outcome"].pop("traceback", None)
    return found


def _rows(store: RunStore, run: str, metrics: list[str]) -> dict[str, list[dict[str, str]]]:
    found = {metric: store.read_rows(run, METRICS[metric].records) for metric in metrics}
    return {metric: rows for metric, rows in found.items() if rows is not None}


def _references(rows: dict[str, list[dict[str, str]]]) -> list[dict[str, Any]]:
    return [
        {"label": GROUND_TRUTH, "seed": 0, "metric": metric, "image": row["image"], "value": row["reference"]}
        for metric, found in rows.items()
        for row in found
        if "reference" in row
    ]


def _reason(store: RunStore, run: str, state: str, metric: str) -> str:
    if state in ("diverged", "failed"):
        return f"the run {state}"
    recorded = store.read(run, f"{METRICS[metric].records}.missing")
    return recorded["reason"] if recorded else "the run has not been scored"


def _describe(study: Study) -> dict[str, Any]:
    return {
        "name": study.name,
        "title": study.title,
        "claim": study.claim.model_dump(),
        "scale": study.scale,
        "command": study.command,
        "seeds": study.seeds,
        "metrics": study.metrics,
        "hypotheses": [[h.metric, h.left, h.relation, h.right] for h in study.hypotheses],
        "variants": [
            {
                "label": variant.label,
                "is_baseline": variant.is_baseline,
                "has_parameters": variant.has_parameters,
                "differences": {"method": variant.config.method}
                if variant.is_baseline
                else {path: new for path, (_, new) in difference(variant.config, study.control.config).items()},
            }
            for variant in study.variants
        ],
        "control": study.control.config.identity(),
    }


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    numeric = [c for c in ("seed", "value", "step", "images", "seconds") if c in frame]
    frame[numeric] = frame[numeric].apply(pd.to_numeric)
    return frame


def save(results: Results, folder: Path) -> None:
    """Write the archive that the report can be made from again."""
    content = {"study": results.study, "runs": results.runs}
    write_atomically(folder / ARCHIVE, json.dumps(content, indent=1) + "\n")  # in the report's order
    _save_frame(results.records, folder / RECORDS)
    _save_frame(results.curves, folder / CURVES)


def _save_frame(frame: pd.DataFrame, path: Path) -> None:
    text = frame.to_csv(index=False, lineterminator="\n")
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def load(folder: Path) -> Results:
    """Read an archive. Raises InputError if there is none or it is damaged."""
    try:
        content = json.loads((folder / ARCHIVE).read_text())
        records, curves = _load_frame(folder / RECORDS), _load_frame(folder / CURVES)
        results = Results(content["study"], content["runs"], records, curves)
        if not results.labels or "value" not in records or "value" not in curves:
            raise ValueError("they lack variants or values")
        return results
    except FileNotFoundError as error:
        raise InputError(f"{folder}: no records to report on ({Path(error.filename).name} is not there)") from None
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: the records cannot be read: {error}") from None


def _load_frame(path: Path) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())), keep_default_na=False, na_values=["nan"])
