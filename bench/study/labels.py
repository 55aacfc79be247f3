"""What the values of an axis are called in tables."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

MISSING = "—"
"""What stands in a table for a value that could not be had."""
GROUND_TRUTH = "ground truth"
"""What the targets' own scores are called, and no variant."""
INPUT = "input"
"""What the picture that all methods start from is called, and no variant."""


def value_labels(axes: dict[str, list[Any]]) -> dict[str, list[str]]:
    """A word for each value; with the last part of its axis where the word alone would be unclear."""
    plain = {axis: [_label(value) for value in values] for axis, values in axes.items()}
    times = Counter(word for values in plain.values() for word in values)
    return {
        axis: [
            word
            if (times[word] == 1 and isinstance(value, str)) or isinstance(value, dict)
            else f"{_short(axis, list(axes))}={word}"
            for word, value in zip(plain[axis], values, strict=True)
        ]
        for axis, values in axes.items()
    }


def _short(axis: str, axes: list[str]) -> str:
    last = axis.rsplit(".", 1)[-1]
    return last if sum(other.rsplit(".", 1)[-1] == last for other in axes) == 1 else axis


def _label(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={_label(inner)}" for key, inner in value.items())
    return value if isinstance(value, str) else json.dumps(value, default=str)
