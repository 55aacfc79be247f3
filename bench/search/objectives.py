"""What a search makes better, within which bounds, and what ends its trials early."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from bench.measure.metrics import METRICS
from bench.search.schema import Pruner, SearchFile
from bench.study.hypotheses import COSTS
from bench.study.yaml_lines import Located, suggest

ALIASES = {"parameters": "parameters_total", "images_per_second": "inference_images_per_second"}


@dataclass(frozen=True)
class Objective:
    """What is made better."""

    quantity: str
    direction: str
    """lower or higher"""

    @property
    def is_cost(self) -> bool:
        return self.quantity in COSTS

    def beats(self, ours: float, theirs: float) -> bool:
        """Whether ours is better."""
        return ours < theirs if self.direction == "lower" else ours > theirs


@dataclass(frozen=True)
class Constraint:
    """A bound of a cost."""

    quantity: str
    relation: str
    """<= or >="""
    bound: float

    def excess(self, value: float) -> float:
        """How far beyond the bound, as a share of it; 0 or less within it."""
        beyond = value - self.bound if self.relation == "<=" else self.bound - value
        return beyond / abs(self.bound)

    def __str__(self) -> str:
        return f"{self.quantity} {self.relation} {self.bound:,g}"


def read_objectives(file: SearchFile, located: Located) -> list[Objective]:
    """The YAML's `objectives`. Raises InputError."""
    found: list[Objective] = []
    for name, given in file.objectives.items():
        quantity, at = ALIASES.get(name, name), ("objectives", name)
        known = [*METRICS, *COSTS, *ALIASES]
        if name not in known:
            raise located.error(at, f"is not a metric, nor a cost; {suggest(name, known)}")
        own = METRICS[quantity].direction if quantity in METRICS else _better(quantity)
        if own == "neutral" and given is None:
            raise located.error(at, f"has no better end; say which you want, `{name}: higher` or `{name}: lower`")
        if own != "neutral" and given is not None and given != own:
            raise located.error(at, f"{given} is worse; {own} is better for {name}")
        if quantity == "training_seconds" and file.pruner not in (None, "none"):
            raise located.error(at, "training time is known at the end alone; set pruner: none")
        if any(quantity == other.quantity for other in found):
            raise located.error(at, "is given twice")
        found.append(Objective(quantity, given or own))
    return found


def _better(cost: str) -> str:
    return "higher" if cost.endswith("per_second") else "lower"


def read_constraints(file: SearchFile, located: Located) -> list[Constraint]:
    """The YAML's `constraints`. Raises InputError."""
    found = []
    allowed = [*ALIASES, *(cost for cost in COSTS if cost != "training_seconds")]
    for name, text in file.constraints.items():
        at = ("constraints", name)
        if name not in allowed:
            raise located.error(at, f"is no cost that is known before training; {suggest(name, allowed)}")
        bound = re.fullmatch(r"\s*(<=|>=)\s*(\S+)\s*", text)
        number = _number(bound[2]) if bound else None
        if bound is None or number is None:
            raise located.error(at, f"{text!r} is no bound; write `<= 4.1e6` or `>= 1000`")
        found.append(Constraint(ALIASES.get(name, name), bound[1], number))
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text.replace("_", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def choose_pruner(file: SearchFile, objectives: list[Objective], located: Located) -> Pruner:
    """The file's, or the one that goes with its objectives. Raises InputError."""
    first = objectives[0]
    curves = [metric.name for metric in METRICS.values() if metric.has_curve]
    if file.pruner is None:
        return "median" if len(objectives) == 1 and first.quantity in curves else "none"
    if file.pruner == "none":
        return "none"
    if len(objectives) > 1:
        raise located.error(
            ("pruner",), f"{file.pruner} needs one objective, here are {len(objectives)}; set it to none"
        )
    if file.pruner == "wilcoxon":
        if first.is_cost or METRICS[first.quantity].needs == "distribution" or file.seeds < 2:
            problem = (
                "compares images and seeds: it needs a score of single images as the objective, and 2 seeds or more"
            )
            raise located.error(("pruner",), f"wilcoxon {problem}")
    elif first.quantity not in curves:
        raise located.error(
            ("pruner",),
            f"{first.quantity} has no validation curve to prune by; these have: {', '.join(curves)}; or set it to none",
        )
    return file.pruner
