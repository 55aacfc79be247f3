"""Compare two variants: paired by seed on the scored images, and by seed and photograph for new images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from bench.report.analysis.measurements import Measurements
from bench.report.analysis.quantities import Quantity, values
from bench.report.analysis.statistics import NOTHING, Estimate, paired_difference, paired_median, two_way_difference

Scale = Literal["difference", "log", "ratio"]
"""The scale of the estimates: left - right, log(left / right), or left / right."""


@dataclass(frozen=True)
class Comparison:
    """The difference between `left` and `right`."""

    these: Estimate = NOTHING
    """Estimate for new seeds on the images that were scored."""
    new: Estimate = NOTHING
    """Estimate for new seeds and new photographs; NOTHING where the data do not allow one."""
    scale: Scale = "difference"
    method: Literal["t", "median", "exact"] = "t"
    pairs: dict[int, float] = field(default_factory=dict)
    """Seed -> left - right, or left / right, in the units of the tables."""
    photographs: int = 0
    """Number of photographs behind `new`; 0 without it."""
    left_out: int = 0
    """Number of pairs that were dropped because a run diverged or failed; only for speed and memory, which have no
    worst value."""
    identical: bool = False
    """Whether every image has the same score on both sides at every seed: the varied field does not affect it."""

    @property
    def is_ratio(self) -> bool:
        return self.scale != "difference"

    @property
    def neutral(self) -> float:
        """The estimate of two equal variants."""
        return 1.0 if self.scale == "ratio" else 0.0

    def shown(self, estimate: Estimate) -> tuple[float, float, float]:
        """Mean, low and high as a difference or a ratio."""
        values = estimate.mean, estimate.low, estimate.high
        return tuple(map(math.exp, values)) if self.scale == "log" else values  # type: ignore[return-value]


def compare(measured: Measurements, quantity: Quantity, left: str, right: str, new_images: bool = True) -> Comparison:
    """Compare `left` with `right` over the seeds for which both have a value; without such seeds there is no estimate.
    A method without parameters has one run, which is paired with every seed."""
    run_once = measured.results.run_once
    ours, theirs = values(measured, quantity, left), values(measured, quantity, right)
    if ours and left in run_once:
        ours = dict.fromkeys(theirs or ours, next(iter(ours.values())))
    if theirs and right in run_once:
        theirs = dict.fromkeys(ours or theirs, next(iter(theirs.values())))
    seeds = [seed for seed in ours if seed in theirs]
    a, b = [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
    left_out = _left_out(measured, quantity, left, right)
    if not seeds:
        return Comparison(left_out=left_out)
    if quantity.column.is_ratio:
        return _ratio(quantity, seeds, a, b, left_out)
    pairs = {seed: _difference(x, y) for seed, x, y in zip(seeds, a, b, strict=True)}
    if not np.isfinite([*a, *b]).all():
        return Comparison(paired_median(a, b), method="median", pairs=pairs, left_out=left_out)
    if quantity.kind == "score" and a == b and _identical(measured, quantity.metric, left, right, seeds):
        return Comparison(paired_difference(a, b), pairs=pairs, identical=True, left_out=left_out)
    new, photographs = NOTHING, 0
    if new_images and quantity.kind == "score":
        new, photographs = _new_images(measured, quantity.metric, left, right, seeds)
    return Comparison(paired_difference(a, b), new, pairs=pairs, photographs=photographs, left_out=left_out)


def _difference(ours: float, theirs: float) -> float:
    return 0.0 if ours == theirs else ours - theirs  # inf - inf would be NaN


def _ratio(quantity: Quantity, seeds: list[int], a: list[float], b: list[float], left_out: int) -> Comparison:
    pairs = {seed: _quotient(x, y) for seed, x, y in zip(seeds, a, b, strict=True)}
    if quantity.kind == "count":  # exact: the same for every seed
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


def _left_out(measured: Measurements, quantity: Quantity, left: str, right: str) -> int:
    """How many pairs of a speed or memory comparison lack a run that finished."""
    if quantity.kind != "cost":
        return 0
    return len(measured.ended_badly(left) | measured.ended_badly(right))


def _new_images(measured: Measurements, metric: str, left: str, right: str, seeds: list[int]) -> tuple[Estimate, int]:
    """The estimate and its number of photographs; NOTHING with fewer than two seeds or photographs, or where the two
    variants were scored on different images."""
    ours, theirs = _per_image(measured, metric, left, seeds), _per_image(measured, metric, right, seeds)
    if len(seeds) < 2 or set(ours.columns) != set(theirs.columns):
        return NOTHING, 0
    difference = ours.to_numpy() - theirs[ours.columns].to_numpy()  # (seeds, images)
    photographs = ours.columns.get_level_values("photograph").to_list()
    count = len(set(photographs))
    if count < 2 or not np.isfinite(difference).all():
        return NOTHING, 0
    return two_way_difference(difference, photographs), count


def _identical(measured: Measurements, metric: str, left: str, right: str, seeds: list[int]) -> bool:
    """Whether two trained variants have equal scores image by image. Baselines without parameters may well agree."""
    if {left, right} & measured.results.run_once or any(measured.ended_badly(label) for label in (left, right)):
        return False
    ours, theirs = _per_image(measured, metric, left, seeds), _per_image(measured, metric, right, seeds)
    return set(ours.columns) == set(theirs.columns) and bool((ours == theirs[ours.columns]).to_numpy().all())


def _per_image(measured: Measurements, metric: str, label: str, seeds: list[int]) -> pd.DataFrame:
    """Scores as (seeds, images); the columns are keyed by (image, photograph)."""
    rows = measured.results.records
    rows = rows[(rows["label"] == label) & (rows["metric"] == metric)]
    table = rows.pivot_table(index="seed", columns=["image", "photograph"], values="value", sort=False)
    return table.loc[[table.index[0]] * len(seeds)] if label in measured.results.run_once else table.loc[seeds]
