"""The labels of an axis's values in tables, and the labels that tables reserve."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

MISSING = "—"
"""Stands in a table for a missing value."""
GROUND_TRUTH = "ground truth"
"""Labels the targets and their own scores; no variant has this label."""
INPUT = "input"
"""Labels the picture that all methods start from; no variant has this label."""


def value_labels(axes: dict[str, list[Any]]) -> dict[str, list[str]]:
    """A label for each value, with the last part of the axis's path before it where the value alone is unclear."""
    words = {axis: [_label(value) for value in values] for axis, values in axes.items()}
    counts = Counter(word for values in words.values() for word in values)
    return {
        axis: [
            word
            if (counts[word] == 1 and isinstance(value, str)) or isinstance(value, dict)
            else f"{_short_name(axis, list(axes))}={word}"
            for word, value in zip(words[axis], values, strict=True)
        ]
        for axis, values in axes.items()
    }


def _short_name(axis: str, axes: list[str]) -> str:
    last = axis.rsplit(".", 1)[-1]
    return last if sum(other.rsplit(".", 1)[-1] == last for other in axes) == 1 else axis


def _label(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={_label(inner)}" for key, inner in value.items())
    return value if isinstance(value, str) else json.dumps(value, default=str)
