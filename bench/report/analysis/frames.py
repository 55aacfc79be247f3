"""The results of a study as data frames, read from the run store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from bench.measure.metrics import METRICS
from bench.store.run_store import BAD_ENDS, RunStore
from bench.study.labels import GROUND_TRUTH
from bench.study.layers import difference
from bench.study.study import Study
from bench.study.variants import Variant

VALIDATION = "val_"
"""Prefix of the names of validation scores in curves."""
NUMBERS: dict[str, type[int] | type[float]] = {
    "seed": int,
    "step": int,
    "images": int,
    "seconds": float,
    "value": float,
}
"""Columns of numbers and their types; all other columns are text."""


@dataclass(frozen=True, eq=False)  # data frames have no single answer to ==
class Results:
    """What a study's runs recorded, free of configs and stores. `analyse` computes the numbers of a report from it."""

    study: dict[str, Any]
    """title, claim, name, scale, command, seeds, metrics, hypotheses (quantity, left, relation, right, margin),
    variants (label, method, is_baseline, is_trained, differences), and the control's config. See `describe`."""
    runs: list[dict[str, Any]]
    """label, seed, id, state, missing (metric -> reason), events, and the records of the run's folder: outcome, cost,
    throughput, training, run. A record that a run does not have is None."""
    records: pd.DataFrame
    """label, seed, metric, image, photograph, value. All crops of one photograph share its name."""
    curves: pd.DataFrame
    """label, seed, step, images, seconds, name, value."""

    @property
    def labels(self) -> list[str]:
        """The control, then the other variants, then the baselines."""
        return [variant["label"] for variant in self.study["variants"]]

    @property
    def control(self) -> str:
        return self.labels[0]

    @property
    def run_once(self) -> set[str]:
        """Methods without parameters: they do not depend on the seed."""
        return {variant["label"] for variant in self.study["variants"] if not variant["is_trained"]}

    @property
    def same_task(self) -> list[str]:
        """The labels with the control's task. Scores of different tasks are not compared."""
        return [v["label"] for v in self.study["variants"] if "task.name" not in v["differences"]]

    def runs_of(self, label: str) -> list[dict[str, Any]]:
        return [run for run in self.runs if run["label"] == label]


def collect(study: Study, store: RunStore) -> Results:
    """Read the study's runs from the store. Raises Unreadable for a record that this process may not read: a report
    without it would not describe the store."""
    runs, records, curves = [], [], []
    references: list[dict[str, Any]] = []
    for run in study.runs():
        key = {"label": run.label, "seed": run.config.seed}
        scores = _read_scores(store, run.id, study.metrics)
        state = store.state(run.id)
        missing = {m: _reason(store, run.id, state, m) for m in study.metrics if m not in scores}
        runs.append(key | {"id": run.id, "state": state, "missing": missing} | _read_parts(store, run.id))
        records += [key | {"metric": metric, **row} for metric, rows in scores.items() for row in rows]
        # The targets are the same for all runs, so that the first scored run has the ground truth's scores of all.
        references = references or _references(scores)
        curves += [key | row for row in store.read_rows(run.id, "curve") or []]
    return Results(
        describe(study),
        runs,
        to_frame(records + references, ["label", "seed", "metric", "image", "photograph", "value"]),
        to_frame(curves, ["label", "seed", "step", "images", "seconds", "name", "value"]),
    )


PARTS = ("outcome", "cost", "throughput", "training", "run")
"""The records of a run that a report reads."""


def _read_parts(store: RunStore, run: str) -> dict[str, Any]:
    parts = {part: store.read(run, part) for part in PARTS}
    if parts["outcome"]:
        parts["outcome"].pop("traceback", None)
    return parts | {"events": store.read(run, "events") or []}


def _read_scores(store: RunStore, run: str, metrics: list[str]) -> dict[str, list[dict[str, str]]]:
    """Metric -> a row an image, for the metrics that the run was scored on."""
    rows = {metric: store.read_rows(run, METRICS[metric].records) for metric in metrics}
    return {metric: scored for metric, scored in rows.items() if scored is not None}


def _references(scores: dict[str, list[dict[str, str]]]) -> list[dict[str, Any]]:
    """The ground truth's own scores, for metrics without a better end."""
    return [
        {"label": GROUND_TRUTH, "seed": 0, "metric": metric, **row, "value": row["reference"]}
        for metric, rows in scores.items()
        for row in rows
        if "reference" in row
    ]


def _reason(store: RunStore, run: str, state: str, metric: str) -> str:
    if state == "unavailable":
        return str((store.read(run, "outcome") or {}).get("reason", ""))
    if state in BAD_ENDS:
        return f"the run {state}"
    recorded = store.read(run, f"{METRICS[metric].records}.missing")
    return recorded["reason"] if recorded else "the run has not been scored"


def describe(study: Study) -> dict[str, Any]:
    """The study in plain values, as an archive stores it."""
    return {
        "name": study.name,
        "title": study.title,
        "claim": study.claim.model_dump(),
        "scale": study.scale,
        "command": study.command,
        "seeds": study.seeds,
        "metrics": study.metrics,
        "hypotheses": [asdict(hypothesis) for hypothesis in study.hypotheses],
        "variants": [
            {
                "label": variant.label,
                "method": variant.config.method,
                "is_baseline": variant.is_baseline,
                "is_trained": variant.is_trained,
                "differences": _differences(variant, study.control),
            }
            for variant in study.variants
        ],
        "control": study.control.config.identity(),
    }


def _differences(variant: Variant, control: Variant) -> dict[str, Any]:
    """Config path -> the variant's value. A baseline ignores most of a config, so that only its method and task count,
    unless its method is the control's."""
    changed = {path: new for path, (_, new) in difference(variant.config, control.config).items()}
    if not variant.is_baseline or variant.config.method == control.config.method:
        return changed
    return {path: new for path, new in changed.items() if path == "method" or path.startswith("task.")}


def to_frame(rows: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """The rows as a frame. Digits become numbers by Python's own parser, which is exact to the last bit."""
    frame = pd.DataFrame(rows, columns=list(columns))
    for name, kind in NUMBERS.items():
        if name in frame:
            frame[name] = pd.Series(list(map(kind, frame[name])), frame.index, dtype=kind)
    return frame
