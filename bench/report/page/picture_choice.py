"""The rules that choose the pictures of the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

PERCENTILES = (5, 50, 95)
BRIGHTEST, PALEST = "the brightest ground truth", "the least saturated ground truth"
LUMA = (0.2126, 0.7152, 0.0722)  # Rec. 709


def choose_pictures(differences: pd.DataFrame, names: Sequence[str], targets: np.ndarray) -> pd.DataFrame:
    """image, place (among the names), why, difference: a row a picture. Chosen are the percentiles of the differences,
    then the brightest and the least saturated target; a picture chosen twice has one row. `targets`: (N, H, W, 3)
    uint8, in the order of the names."""
    ranked = differences[differences["image"].isin(list(names))].reset_index(drop=True)
    why: dict[str, list[str]] = {}
    for percentile in PERCENTILES if len(ranked) else ():
        place = round(percentile / 100 * (len(ranked) - 1))
        why.setdefault(str(ranked["image"].iloc[place]), []).append(f"{percentile}th percentile")
    why.setdefault(names[int(np.argmax(brightness(targets)))], []).append(BRIGHTEST)
    why.setdefault(names[int(np.argmin(saturation(targets)))], []).append(PALEST)
    values = dict(zip(ranked["image"], ranked["difference"], strict=True))
    rows = [(name, list(names).index(name), "; ".join(rules), values.get(name)) for name, rules in why.items()]
    return pd.DataFrame(rows, columns=["image", "place", "why", "difference"])


def brightness(images: np.ndarray) -> np.ndarray:
    """Mean luma of each image."""
    return np.asarray((images / 255 @ np.array(LUMA)).mean(axis=(1, 2)))


def saturation(images: np.ndarray) -> np.ndarray:
    """Mean HSV saturation of each image."""
    from matplotlib.colors import rgb_to_hsv

    return np.asarray(rgb_to_hsv(images / 255)[..., 1].mean(axis=(1, 2)))
