"""What a report stands on: a study's runs and records as data frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from bench.measure.metrics import METRICS
from bench.store.run_store import BAD_ENDS, RunStore
from bench.study.labels import GROUND_TRUTH
from bench.study.layers import difference
from bench.study.study import Study
from bench.study.variants import Variant

VALIDATION = "val_"
"""What the names of validation scores begin with, in curves."""
NUMBERS: dict[str, type[int] | type[float]] = {
    "seed": int,
    "step": int,
    "images": int,
    "seconds": float,
    "value": float,
}
"""The columns that are not words."""


@dataclass(frozen=True, eq=False)  # one is itself alone, which lets what is worked out from it be remembered
class Results:
    """A study's results, free of configs and stores."""

    study: dict[str, Any]
    """title, claim, name, scale, command, seeds, metrics, hypotheses (quantity, left, relation, right, margin),
    variants (label, method, is_baseline, is_trained, differences), the control's config. See `describe`."""
    runs: list[dict[str, Any]]
    """label, seed, id, state, and what the run's folder says: outcome, cost, throughput, training, data, ..."""
    records: pd.DataFrame
    """label, seed, metric, image, photograph, value; the crops of one photograph share its name"""
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
        return {variant["label"] for variant in self.study["variants"] if not variant["is_trained"]}

    def runs_of(self, label: str) -> list[dict[str, Any]]:
        return [run for run in self.runs if run["label"] == label]

    @cached_property
    def same_task(self) -> list[str]:
        """Those that do the control's task: scores of another do not compare with its."""
        return [v["label"] for v in self.study["variants"] if "task.name" not in v["differences"]]

    @cached_property
    def means(self) -> dict[tuple[str, str], dict[int, float]]:
        """(label, metric) -> seed -> mean over images; NaN if one of them is."""
        found: dict[tuple[str, str], dict[int, float]] = {}
        groups = self.records.groupby(["label", "metric", "seed"], sort=False)["value"]
        means = groups.mean().where(groups.count() == groups.size()).reset_index()
        columns = (means[name].to_list() for name in ("label", "metric", "seed", "value"))
        for label, metric, seed, value in zip(*columns, strict=True):
            found.setdefault((label, metric), {})[seed] = value
        return found

    @cached_property
    def truth(self) -> dict[str, float]:
        """Metric -> the ground truth's own mean, for metrics without a better end."""
        return {metric: seeds[0] for (label, metric), seeds in self.means.items() if label == GROUND_TRUTH}

    @cached_property
    def validations(self) -> dict[tuple[str, str], dict[int, pd.DataFrame]]:
        """(label, metric) -> seed -> step, images, seconds, value of each validation, in order."""
        found: dict[tuple[str, str], dict[int, pd.DataFrame]] = {}
        curves = self.curves[self.curves["name"].astype(str).str.startswith(VALIDATION)]
        for (label, name, seed), rows in curves.groupby(["label", "name", "seed"], sort=False):
            at = (str(label), str(name).removeprefix(VALIDATION))
            found.setdefault(at, {})[int(str(seed))] = rows.sort_values("step")[["step", "images", "seconds", "value"]]
        return found


def collect(study: Study, store: RunStore) -> Results:
    """Read the study's runs from the store. Raises Unreadable: a report without what one reader may not read would not
    be that of the store."""
    runs, records, curves = [], [], []
    references: list[dict[str, Any]] = []
    for run in study.runs():
        at = {"label": run.label, "seed": run.config.seed}
        store.check_readable(run.id)
        rows = _rows(store, run.id, study.metrics)
        state = store.state(run.id)
        missing = {m: _reason(store, run.id, state, m) for m in study.metrics if m not in rows}
        parts = ("outcome", "cost", "throughput", "training", "run")
        events = store.read(run.id, "events")
        more = _read(store, run.id, parts) | ({"events": events} if events else {})
        runs.append(at | {"id": run.id, "state": state, "missing": missing} | more)
        records += [at | {"metric": metric, **row} for metric, found in rows.items() for row in found]
        references = references or _references(rows)
        curves += [at | row for row in store.read_rows(run.id, "curve") or []]
    return Results(
        describe(study),
        with_one_peak(runs),
        to_frame(records + references, ["label", "seed", "metric", "image", "photograph", "value"]),
        to_frame(curves, ["label", "seed", "step", "images", "seconds", "name", "value"]),
    )


def _read(store: RunStore, run: str, parts: tuple[str, ...]) -> dict[str, Any]:
    found = {part: store.read(run, part) for part in parts}
    if found["outcome"]:
        found["outcome"].pop("traceback", None)
    return found


def with_one_peak(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the peak memory of runs that were measured before others, when it meant something else."""
    measured = [run["throughput"] for run in runs if (run["throughput"] or {}).get("training_peak_bytes") is not None]
    newest = max((record.get("peak_version", 1) for record in measured), default=1)
    for record in measured:
        if record.get("peak_version", 1) < newest:
            record["training_peak_bytes"] = None
    return runs


def _rows(store: RunStore, run: str, metrics: list[str]) -> dict[str, list[dict[str, str]]]:
    found = {metric: store.read_rows(run, METRICS[metric].records) for metric in metrics}
    return {
        metric: [{"photograph": photograph_of(row["image"])} | row for row in rows]
        for metric, rows in found.items()
        if rows is not None
    }


def photograph_of(image: str) -> str:
    """The photograph that a crop such as `coffee@1.5x[0,1]` was cut from, where the records do not say it."""
    return image.rsplit("@", 1)[0]


def _references(rows: dict[str, list[dict[str, str]]]) -> list[dict[str, Any]]:
    return [
        {"label": GROUND_TRUTH, "seed": 0, "metric": metric, **row, "value": row["reference"]}
        for metric, found in rows.items()
        for row in found
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
    """What a report says of a study, in plain values."""
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
    """Path -> the variant's value. A baseline has no use for most of a config: those of method and task alone, unless
    its method is the control's."""
    found = {path: new for path, (_, new) in difference(variant.config, control.config).items()}
    if not variant.is_baseline or variant.config.method == control.config.method:
        return found
    return {path: new for path, new in found.items() if path == "method" or path.startswith("task.")}


def to_frame(rows: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """With numbers where the rows have their digits: Python's own reading, which is right to the last bit."""
    frame = pd.DataFrame(rows, columns=list(columns))
    for name, kind in NUMBERS.items():
        if name in frame:
            frame[name] = pd.Series(list(map(kind, frame[name])), frame.index, dtype=kind)
    return frame
