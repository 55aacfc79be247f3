"""The objectives of a search, its constraints, and the pruner that fits them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from bench.measure.metrics import METRICS
from bench.search.schema import Pruner, SearchFile
from bench.study.hypotheses import COSTS
from bench.study.yaml_lines import Located, suggest

ALIASES = {"parameters": "parameters_total", "images_per_second": "inference_images_per_second"}
"""Short name in the YAML -> quantity."""


@dataclass(frozen=True)
class Objective:
    """A quantity to optimise."""

    quantity: str
    direction: str
    """The better end: lower or higher."""

    @property
    def is_cost(self) -> bool:
        return self.quantity in COSTS

    def beats(self, ours: float, theirs: float) -> bool:
        """Whether our value is better than theirs."""
        return ours < theirs if self.direction == "lower" else ours > theirs


@dataclass(frozen=True)
class Constraint:
    """A bound on a cost."""

    quantity: str
    relation: str
    """The operator between cost and bound: <= or >=."""
    bound: float

    def excess(self, value: float) -> float:
        """The violation as a share of the bound; 0 or negative if the value keeps it."""
        beyond = value - self.bound if self.relation == "<=" else self.bound - value
        return beyond / abs(self.bound)

    def __str__(self) -> str:
        return f"{self.quantity} {self.relation} {self.bound:,g}"


def read_objectives(file: SearchFile, located: Located) -> list[Objective]:
    """The YAML's `objectives`. Raises InputError."""
    objectives: list[Objective] = []
    for name, direction in file.objectives.items():
        quantity, at = ALIASES.get(name, name), ("objectives", name)
        known = [*METRICS, *COSTS, *ALIASES]
        if name not in known:
            raise located.error(at, f"is neither a metric nor a cost; {suggest(name, known)}")
        own = METRICS[quantity].direction if quantity in METRICS else _direction_of(quantity)
        if own == "neutral" and direction is None:
            raise located.error(at, f"has no direction of its own; write `{name}: higher` or `{name}: lower`")
        if own != "neutral" and direction is not None and direction != own:
            raise located.error(at, f"{direction} is worse; {own} is better for {name}")
        if quantity == "training_seconds" and file.pruner not in (None, "none"):
            raise located.error(at, "training time is known only after training; set pruner: none")
        if any(quantity == other.quantity for other in objectives):
            raise located.error(at, "is given twice")
        objectives.append(Objective(quantity, direction or own))
    return objectives


def _direction_of(cost: str) -> str:
    return "higher" if cost.endswith("per_second") else "lower"


def read_constraints(file: SearchFile, located: Located) -> list[Constraint]:
    """The YAML's `constraints`. Raises InputError."""
    constraints = []
    allowed = [*ALIASES, *(cost for cost in COSTS if cost != "training_seconds")]
    for name, text in file.constraints.items():
        at = ("constraints", name)
        if name not in allowed:
            raise located.error(at, f"is not a cost that is known before training; {suggest(name, allowed)}")
        bound = re.fullmatch(r"\s*(<=|>=)\s*(\S+)\s*", text)
        number = _number(bound[2]) if bound else None
        if bound is None or number is None:
            raise located.error(at, f"{text!r} is not a bound; write `<= 4.1e6` or `>= 1000`")
        constraints.append(Constraint(ALIASES.get(name, name), bound[1], number))
    return constraints


def _number(text: str) -> float | None:
    """A positive, finite number; None if the text is no such number."""
    try:
        value = float(text.replace("_", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def choose_pruner(file: SearchFile, objectives: list[Objective], located: Located) -> Pruner:
    """The pruner of the file, or else the one that fits its objectives. Raises InputError."""
    first = objectives[0]
    curves = [metric.name for metric in METRICS.values() if metric.has_curve]
    if file.pruner is None:
        return "median" if len(objectives) == 1 and first.quantity in curves else "none"
    if file.pruner == "none":
        return "none"
    if len(objectives) > 1:
        raise located.error(
            ("pruner",), f"{file.pruner} needs one objective, and there are {len(objectives)}; set it to none"
        )
    if file.pruner == "wilcoxon":
        if first.is_cost or METRICS[first.quantity].needs == "distribution" or file.seeds < 2:
            needs = "an objective that scores single images, and at least 2 seeds"
            raise located.error(("pruner",), f"wilcoxon compares trials image by image: it needs {needs}")
    elif first.quantity not in curves:
        raise located.error(
            ("pruner",),
            f"{first.quantity} has no validation curve to prune by; these have: {', '.join(curves)}; or set it to none",
        )
    return file.pruner
