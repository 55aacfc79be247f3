"""The methods that a study compares: their papers, how they were trained, and whether they know where the hole is."""

from __future__ import annotations

from dataclasses import dataclass

from baselines import PARAMETER_FREE
from baselines.cards import CARDS, Card
from baselines.weights import base_of
from bench.report.analysis.frames import Results


@dataclass(frozen=True)
class Method:
    """A method and the variants that use it."""

    name: str
    labels: list[str]
    card: Card | None
    """Its paper, or that of the method whose authors' weights it has; None for a method from outside."""
    has_authors_weights: bool
    is_trained: bool
    """Whether it has anything to train."""
    is_done: bool
    """Whether any of its runs is done."""
    reason: str
    """Why its first run has no result; empty if it has one."""
    training_images: list[int]
    """Distinct numbers of images that its runs saw in training, ascending."""
    with_hole: list[str]
    """The labels whose task has a hole to fill."""
    told: list[str]
    """Those of `with_hole` that are told where the hole is."""


def read_methods(results: Results) -> list[Method]:
    """The methods in the report's order."""
    labels: dict[str, list[str]] = {}
    for variant in results.study["variants"]:
        labels.setdefault(variant["method"], []).append(variant["label"])
    return [_method(results, name, own) for name, own in labels.items()]


def _method(results: Results, name: str, labels: list[str]) -> Method:
    card = CARDS.get(base_of(name) or name)
    runs = [run for label in labels for run in results.runs_of(label)]
    control = results.study["control"]["task"]
    differences = {variant["label"]: variant["differences"] for variant in results.study["variants"]}
    with_hole = [b for b in labels if differences[b].get("task.name", control["name"]) != "colorization"]
    always = card is not None and card.needs_mask
    return Method(
        name=name,
        labels=labels,
        card=card,
        has_authors_weights=base_of(name) is not None,
        is_trained=name not in PARAMETER_FREE,
        is_done=any(run["state"] == "done" for run in runs),
        reason=(runs[0]["outcome"] or {}).get("reason", ""),
        training_images=sorted({run["training"]["images"] for run in runs if run["training"]}),
        with_hole=with_hole,
        told=[b for b in with_hole if always or differences[b].get("task.mask_known", control["mask_known"])],
    )
