"""Learning curves: validation scores over training, as mean and range over the seeds."""

from __future__ import annotations

import pandas as pd

from bench.measure.metrics import METRICS
from bench.report.analysis.frames import VALIDATION, Results


def validation_curves(results: Results) -> pd.DataFrame:
    """label, name, step, images, seconds, mean, low, high, n: the range is over seeds; images and seconds are means.

    The curves are of the study's metrics, in its order. A study without a curve of its own metrics shows all that there
    are.
    """
    curves = results.curves[results.curves["name"].isin([VALIDATION + metric for metric in METRICS])]
    wanted = [VALIDATION + metric for metric in results.study["metrics"]]
    if curves["name"].isin(wanted).any():
        curves = curves[curves["name"].isin(wanted)].sort_values(
            "name", key=lambda n: n.map(wanted.index), kind="stable"
        )
    groups = curves.groupby(["label", "name", "step"], sort=False)
    scores = groups["value"].agg(mean="mean", low="min", high="max", n="count")
    return groups[["images", "seconds"]].mean().join(scores).reset_index()
