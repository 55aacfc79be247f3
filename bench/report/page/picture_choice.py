"""Which pictures the page shows, by rule and not by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.measure.metrics import METRICS
from bench.measure.metrics.registry import ALL_IMAGES
from bench.report.analysis.frames import Results

PERCENTILES = (5, 50, 95)
BRIGHTEST, PALEST = "the brightest ground truth", "the least saturated ground truth"
LUMA = (0.2126, 0.7152, 0.0722)  # Rec. 709


def compared(results: Results) -> tuple[str, str] | None:
    """(metric, label): what the control is held against, image by image: the first score with a better end that it
    shares with another method, variants before baselines."""
    for metric in results.study["metrics"]:
        if METRICS[metric].direction == "neutral" or (results.control, metric) not in results.means:
            continue
        for label in results.same_task[1:]:
            if (label, metric) in results.means and METRICS[metric].needs not in ("set", "distribution"):
                return metric, label
    return None


def image_differences(results: Results) -> pd.DataFrame:
    """image, difference: control − the other, paired by image and seed, the mean over seeds; the smallest first."""
    pair = compared(results)
    if pair is None:
        return pd.DataFrame({"image": pd.Series(dtype=str), "difference": pd.Series(dtype=float)})
    metric, label = pair
    rows = results.records[(results.records["metric"] == metric) & (results.records["image"] != ALL_IMAGES)]
    ours, theirs = (
        rows[rows["label"] == name].pivot_table(index="image", columns="seed", values="value", sort=False)
        for name in (results.control, label)
    )
    if label not in results.run_once:
        seeds = [seed for seed in ours if seed in theirs]
        ours, theirs = ours[seeds], theirs[seeds]
    difference: pd.Series[float] = ours.mean(axis=1) - theirs.mean(axis=1)
    found = pd.DataFrame({"image": difference.index, "difference": difference.to_numpy()}).dropna()
    return found.sort_values(["difference", "image"], kind="stable", ignore_index=True)


def chosen(differences: pd.DataFrame, names: Sequence[str], targets: np.ndarray) -> pd.DataFrame:
    """image, place (among the names), why, difference: a row a picture, of the percentiles, then the brightest and the
    least saturated target, each once. `targets`: (N, H, W, 3) uint8, in the names' order."""
    ranked = differences[differences["image"].isin(list(names))].reset_index(drop=True)
    why: dict[str, list[str]] = {}
    for percentile in PERCENTILES if len(ranked) else ():
        place = round(percentile / 100 * (len(ranked) - 1))
        why.setdefault(str(ranked["image"].iloc[place]), []).append(f"{_ordinal(percentile)} percentile")
    why.setdefault(names[int(np.argmax(brightness(targets)))], []).append(BRIGHTEST)
    why.setdefault(names[int(np.argmin(saturation(targets)))], []).append(PALEST)
    values = dict(zip(ranked["image"], ranked["difference"], strict=True))
    rows = [(name, list(names).index(name), "; ".join(found), values.get(name)) for name, found in why.items()]
    return pd.DataFrame(rows, columns=["image", "place", "why", "difference"])


def _ordinal(number: int) -> str:
    return f"{number}th"


def brightness(images: np.ndarray) -> np.ndarray:
    """Mean luma of each image."""
    return np.asarray((images / 255 @ np.array(LUMA)).mean(axis=(1, 2)))


def saturation(images: np.ndarray) -> np.ndarray:
    """Mean HSV saturation of each image."""
    from matplotlib.colors import rgb_to_hsv

    return np.asarray(rgb_to_hsv(images / 255)[..., 1].mean(axis=(1, 2)))
