"""What a run has one value of: the columns of the tables, scores first, then costs and speeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.measure.metrics import METRICS
from bench.report.analysis.frames import Results

ARROWS = {"higher": "↑", "lower": "↓", "neutral": ""}


@dataclass(frozen=True)
class Column:
    """A quantity that a run has one value of."""

    key: str
    title: str
    unit: str
    direction: str
    decimals: int
    is_ratio: bool = False
    """Compared as a ratio, which is how costs, speeds and times are compared."""
    per_unit: float = 1.0
    """How much of the stored quantity makes one unit."""

    @property
    def heading(self) -> str:
        unit = f" ({self.unit})" if self.unit else ""
        arrow = ARROWS[self.direction]
        return f"{self.title}{unit}{' ' + arrow if arrow else ''}"

    @property
    def worst(self) -> float | None:
        """What a run that did not end counts as in a comparison; None where nothing is worst."""
        if self.direction == "neutral":
            return None
        return float("-inf") if self.direction == "higher" else float("inf")


Get = Callable[[dict[str, Any]], float | None]


def _at(*path: str) -> Get:
    def get(run: dict[str, Any]) -> float | None:
        value: Any = run
        for part in path:
            value = (value or {}).get(part)
        return None if value is None else float(value)

    return get


def _of_a_network(name: str) -> Get:
    """Operations are counted in networks; what a classical method does is not counted, which is not 0."""

    def get(run: dict[str, Any]) -> float | None:
        cost = run["cost"] or {}
        return float(cost[name]) if cost.get("parameters_total") else None

    return get


COSTS: dict[Column, Get] = {
    Column("parameters_generator", "params G", "", "lower", 0, True): _at("cost", "parameters_generator"),
    Column("parameters_total", "params G+D", "", "lower", 0, True): _at("cost", "parameters_total"),
    Column("macs", "MACs", "M", "lower", 1, True, 1e6): _of_a_network("macs"),
    Column("flops", "FLOPs", "M", "lower", 1, True, 1e6): _of_a_network("flops"),
    Column("training_images_per_second", "training", "img/s", "higher", 0, True): _at(
        "throughput", "training", "images_per_second"
    ),
    Column("inference_images_per_second", "inference", "img/s", "higher", 0, True): _at(
        "throughput", "inference", "images_per_second"
    ),
    Column("training_peak_bytes", "memory", "MB", "lower", 1, True, 1e6): _at("throughput", "training_peak_bytes"),
    Column("training_seconds", "training time", "s", "lower", 1, True): _at("training", "seconds"),
}


def score_column(metric: str) -> Column:
    """The column of a metric."""
    found = METRICS[metric]
    return Column(found.name, found.title, found.unit, found.direction, found.decimals)


def columns(results: Results) -> list[Column]:
    """Scores in the study's order, then costs."""
    return [score_column(name) for name in results.study["metrics"]] + list(COSTS)


def finished(results: Results, column: Column, label: str) -> dict[int, float]:
    """Seed -> a metric's mean over images, or a run's cost; finished runs only."""
    runs = [run for run in results.runs_of(label) if run["state"] == "done"]
    get = COSTS.get(column)
    if get is None:
        means = results.means.get((label, column.key), {})
        return {run["seed"]: means[run["seed"]] for run in runs if run["seed"] in means}
    return {run["seed"]: value / column.per_unit for run in runs if (value := get(run)) is not None}
