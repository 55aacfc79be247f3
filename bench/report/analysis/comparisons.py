"""Two variants held against each other: paired by seed on these images, and by seed and photograph for new images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from bench.report.analysis.frames import Results
from bench.report.analysis.quantities import Quantity, ended_badly, values
from bench.report.analysis.statistics import NOTHING, Estimate, paired_difference, paired_median, two_way_difference

Scale = Literal["difference", "log", "ratio"]
"""What estimates are of: left - right, log(left / right), or left / right."""


@dataclass(frozen=True)
class Comparison:
    """left against right."""

    these: Estimate = NOTHING
    """On these images: what new seeds would give."""
    new: Estimate = NOTHING
    """On new images too; NOTHING where that cannot be said."""
    scale: Scale = "difference"
    method: Literal["t", "median", "exact"] = "t"
    pairs: dict[int, float] = field(default_factory=dict)
    """Seed -> left - right, or left / right, in the reader's units."""
    photographs: int = 0
    """That `new` stands on."""
    left_out: int = 0
    """Pairs with a run that did not end, of a speed or a memory, which have no worst value."""

    identical: bool = False
    """Whether every image has the same score on both sides at every seed: then nothing was varied that is scored."""

    @property
    def is_ratio(self) -> bool:
        return self.scale != "difference"

    @property
    def neutral(self) -> float:
        """What estimates are where the two are the same."""
        return 1.0 if self.scale == "ratio" else 0.0

    def shown(self, estimate: Estimate) -> tuple[float, float, float]:
        """mean, low, high as a difference or a ratio."""
        three = estimate.mean, estimate.low, estimate.high
        return tuple(map(math.exp, three)) if self.scale == "log" else three  # type: ignore[return-value]


def compare(results: Results, quantity: Quantity, left: str, right: str, with_new_images: bool = True) -> Comparison:
    """left against right over the seeds that both have a value of. A method without parameters has one run, which
    stands for every seed. Without estimates where no pair is left."""
    ours, theirs = values(results, quantity, left), values(results, quantity, right)
    if ours and left in results.run_once:
        ours = dict.fromkeys(theirs or ours, next(iter(ours.values())))
    if theirs and right in results.run_once:
        theirs = dict.fromkeys(ours or theirs, next(iter(theirs.values())))
    seeds = [seed for seed in ours if seed in theirs]
    a, b = [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
    left_out = _left_out(results, quantity, left, right)
    if not seeds:
        return Comparison(left_out=left_out)
    if quantity.column.is_ratio:
        return _ratio(quantity, seeds, a, b, left_out)
    pairs = {seed: _difference(x, y) for seed, x, y in zip(seeds, a, b, strict=True)}
    if not np.isfinite([*a, *b]).all():
        return Comparison(paired_median(a, b), method="median", pairs=pairs, left_out=left_out)
    if quantity.kind == "score" and a == b and _identical(results, quantity.metric, left, right, seeds):
        return Comparison(paired_difference(a, b), pairs=pairs, identical=True, left_out=left_out)
    new, photographs = NOTHING, 0
    if with_new_images and quantity.kind == "score":
        new, photographs = _new_images(results, quantity.metric, left, right, seeds)
    return Comparison(paired_difference(a, b), new, pairs=pairs, photographs=photographs, left_out=left_out)


def _difference(ours: float, theirs: float) -> float:
    return 0.0 if ours == theirs else ours - theirs  # of two infinities too


def _ratio(quantity: Quantity, seeds: list[int], a: list[float], b: list[float], left_out: int) -> Comparison:
    pairs = {seed: _quotient(x, y) for seed, x, y in zip(seeds, a, b, strict=True)}
    if quantity.kind == "count":  # a number, not a sample of one
        exact = next(iter(pairs.values()))
        return Comparison(Estimate(exact, exact, exact, len(pairs)), scale="ratio", method="exact", pairs=pairs)
    if quantity.kind == "time":
        return Comparison(paired_median(a, b, ratio=True), scale="ratio", method="median", pairs=pairs)
    if min(a + b) <= 0:
        return Comparison(left_out=left_out)
    logs = [math.log(value) for value in a], [math.log(value) for value in b]
    return Comparison(paired_difference(*logs), scale="log", pairs=pairs, left_out=left_out)


def _quotient(ours: float, theirs: float) -> float:
    if ours == theirs:
        return 1.0
    return ours / theirs if theirs else math.inf


def _left_out(results: Results, quantity: Quantity, left: str, right: str) -> int:
    """Of a speed or a memory, in which a run that did not end is no worse than others."""
    if quantity.kind != "cost":
        return 0
    return len(ended_badly(results, left) | ended_badly(results, right))


def _new_images(results: Results, metric: str, left: str, right: str, seeds: list[int]) -> tuple[Estimate, int]:
    """The estimate and how many photographs it stands on; NOTHING below two seeds or photographs, or where the two
    were scored on different images."""
    ours, theirs = _per_image(results, metric, left, seeds), _per_image(results, metric, right, seeds)
    if len(seeds) < 2 or set(ours.columns) != set(theirs.columns):
        return NOTHING, 0
    difference = ours.to_numpy() - theirs[ours.columns].to_numpy()  # (seeds, images)
    photographs = ours.columns.get_level_values("photograph").to_list()
    count = len(set(photographs))
    if count < 2 or not np.isfinite(difference).all():
        return NOTHING, 0
    return two_way_difference(difference, photographs), count


def _identical(results: Results, metric: str, left: str, right: str, seeds: list[int]) -> bool:
    """Of two trained methods; of others it may well be that they do the same."""
    if {left, right} & results.run_once or any(ended_badly(results, label) for label in (left, right)):
        return False
    ours, theirs = _per_image(results, metric, left, seeds), _per_image(results, metric, right, seeds)
    return set(ours.columns) == set(theirs.columns) and bool((ours == theirs[ours.columns]).to_numpy().all())


def _per_image(results: Results, metric: str, label: str, seeds: list[int]) -> pd.DataFrame:
    """(seeds, images): a score a cell, columns (image, photograph)."""
    rows = results.records
    rows = rows[(rows["label"] == label) & (rows["metric"] == metric)]
    table = rows.pivot_table(index="seed", columns=["image", "photograph"], values="value", sort=False)
    return table.loc[[table.index[0]] * len(seeds)] if label in results.run_once else table.loc[seeds]
