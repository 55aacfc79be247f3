"""The values that each run measured, keyed by label and seed: the basis of all comparisons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median_high, median_low

import pandas as pd

from bench.measure.metrics import METRICS
from bench.report.analysis.columns import COSTS, Column
from bench.report.analysis.frames import VALIDATION, Results
from bench.store.run_store import BAD_ENDS
from bench.study.labels import GROUND_TRUTH


@dataclass(frozen=True, eq=False)
class Measurements:
    """A study's results, grouped by variant and seed."""

    results: Results
    means: dict[tuple[str, str], dict[int, float]]
    """(label, metric) -> seed -> mean over the images; NaN if the score of one image is NaN."""
    validations: dict[tuple[str, str], dict[int, pd.DataFrame]]
    """(label, metric) -> seed -> step, images, seconds, value of each validation, in order of steps."""
    thresholds: dict[str, float]
    """Metric -> the score that time to quality asks for: the control's median final validation score. A metric that the
    control has no curve of is left out."""

    @property
    def truth(self) -> dict[str, float]:
        """Metric -> mean score of the ground truth itself, for metrics without a better end."""
        return {metric: seeds[0] for (label, metric), seeds in self.means.items() if label == GROUND_TRUTH}

    def finished(self, column: Column, label: str) -> dict[int, float]:
        """Seed -> a metric's mean over the images, or a cost; of the label's finished runs."""
        runs = [run for run in self.results.runs_of(label) if run["state"] == "done"]
        get = COSTS.get(column)
        if get is None:
            means = self.means.get((label, column.key), {})
            return {run["seed"]: means[run["seed"]] for run in runs if run["seed"] in means}
        return {run["seed"]: value / column.per_unit for run in runs if (value := get(run)) is not None}

    def ended_badly(self, label: str) -> set[int]:
        """Seeds whose run diverged or failed."""
        return {run["seed"] for run in self.results.runs_of(label) if run["state"] in BAD_ENDS}


def read_measurements(results: Results) -> Measurements:
    """Group the records and the validation curves by variant and seed."""
    validations = _validations(results)
    metrics = [metric for label, metric in validations if label == results.control and metric in METRICS]
    thresholds = {metric: _threshold(results, validations, metric) for metric in metrics}
    known = {metric: level for metric, level in thresholds.items() if level is not None}
    return Measurements(results, _means(results), validations, known)


def _means(results: Results) -> dict[tuple[str, str], dict[int, float]]:
    means: dict[tuple[str, str], dict[int, float]] = {}
    groups = results.records.groupby(["label", "metric", "seed"], sort=False)["value"]
    # pandas skips NaN in a mean and in a count: a NaN score of one image must not vanish.
    frame = groups.mean().where(groups.count() == groups.size()).reset_index()
    columns = (frame[name].to_list() for name in ("label", "metric", "seed", "value"))
    for label, metric, seed, value in zip(*columns, strict=True):
        means.setdefault((label, metric), {})[seed] = value
    return means


def _validations(results: Results) -> dict[tuple[str, str], dict[int, pd.DataFrame]]:
    validations: dict[tuple[str, str], dict[int, pd.DataFrame]] = {}
    curves = results.curves[results.curves["name"].astype(str).str.startswith(VALIDATION)]
    for (label, name, seed), rows in curves.groupby(["label", "name", "seed"], sort=False):
        key = (str(label), str(name).removeprefix(VALIDATION))
        points = rows.sort_values("step")[["step", "images", "seconds", "value"]]
        validations.setdefault(key, {})[int(str(seed))] = points
    return validations


def _threshold(
    results: Results, validations: dict[tuple[str, str], dict[int, pd.DataFrame]], metric: str
) -> float | None:
    """The median final score over the control's finished seeds. Of an even number it is the worse of the two in the
    middle, so that at least half of the seeds reach it."""
    done = {run["seed"] for run in results.runs_of(results.control) if run["state"] == "done"}
    curves = validations[results.control, metric]
    final = [float(rows["value"].iloc[-1]) for seed, rows in curves.items() if seed in done]
    known = [value for value in final if not math.isnan(value)]
    if not known:
        return None
    return median_low(known) if METRICS[metric].direction == "higher" else median_high(known)
