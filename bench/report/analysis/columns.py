"""The columns of the tables: the scores, costs and speeds of which every run has one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.measure.metrics import METRICS

ARROWS = {"higher": "↑", "lower": "↓", "neutral": ""}


@dataclass(frozen=True)
class Column:
    """A quantity with one value a run."""

    key: str
    title: str
    unit: str
    direction: str
    decimals: int
    is_ratio: bool = False
    """Whether variants are compared by the ratio (costs, speeds and times) or by the difference (scores)."""
    per_unit: float = 1.0
    """The stored value of one unit: 1e6 where tables show millions."""

    @property
    def heading(self) -> str:
        unit = f" ({self.unit})" if self.unit else ""
        arrow = ARROWS[self.direction]
        return f"{self.title}{unit}{' ' + arrow if arrow else ''}"

    @property
    def worst(self) -> float | None:
        """The value that stands for a run that diverged or failed; None for a column without a better end."""
        if self.direction == "neutral":
            return None
        return float("-inf") if self.direction == "higher" else float("inf")


Get = Callable[[dict[str, Any]], float | None]


def _at(*path: str) -> Get:
    """The value at this path of a run; None if any part of it is missing."""

    def get(run: dict[str, Any]) -> float | None:
        value: Any = run
        for part in path:
            value = (value or {}).get(part)
        return None if value is None else float(value)

    return get


def _of_a_network(name: str) -> Get:
    """A count of operations in networks. A classical method has none, and its operations are unknown, not 0."""

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
    """The column of a metric's scores."""
    entry = METRICS[metric]
    return Column(entry.name, entry.title, entry.unit, entry.direction, entry.decimals)


def columns_of(metrics: list[str]) -> list[Column]:
    """The scores in this order, then the costs."""
    return [score_column(name) for name in metrics] + list(COSTS)
