"""The images ranked by how much the control differs from another method on them, to choose pictures by rule."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.measure.metrics import METRICS
from bench.measure.metrics.registry import ALL_IMAGES
from bench.report.analysis.measurements import Measurements


@dataclass(frozen=True, eq=False)
class ImageRanking:
    """The difference between the control and one other method, image by image."""

    metric: str
    """The score that ranks the images; empty where nothing can be compared."""
    label: str
    """The method that the control is compared with."""
    differences: pd.DataFrame
    """image, difference: control − the other, paired by image and seed, mean over the seeds; the smallest first."""


def rank_images(measured: Measurements) -> ImageRanking:
    """Rank by the first score with a better end that the control shares with another method, variants before
    baselines."""
    metric, label = _pair(measured) or ("", "")
    if not metric:
        return ImageRanking("", "", pd.DataFrame({"image": pd.Series(dtype=str), "difference": pd.Series(dtype=float)}))
    records, control = measured.results.records, measured.results.control
    rows = records[(records["metric"] == metric) & (records["image"] != ALL_IMAGES)]
    ours, theirs = (
        rows[rows["label"] == name].pivot_table(index="image", columns="seed", values="value", sort=False)
        for name in (control, label)
    )
    if label not in measured.results.run_once:
        seeds = [seed for seed in ours if seed in theirs]
        ours, theirs = ours[seeds], theirs[seeds]
    difference: pd.Series[float] = ours.mean(axis=1) - theirs.mean(axis=1)
    frame = pd.DataFrame({"image": difference.index, "difference": difference.to_numpy()}).dropna()
    return ImageRanking(metric, label, frame.sort_values(["difference", "image"], kind="stable", ignore_index=True))


def _pair(measured: Measurements) -> tuple[str, str] | None:
    """(metric, label) of the comparison; None where no other method has a score of the control's."""
    results, means = measured.results, measured.means
    for metric in results.study["metrics"]:
        if METRICS[metric].direction == "neutral" or (results.control, metric) not in means:
            continue
        for label in results.same_task[1:]:
            if (label, metric) in means and METRICS[metric].needs not in ("set", "distribution"):
                return metric, label
    return None
