"""The effects that a figure shows: every seed's difference and both intervals of each hypothesis."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.report.analysis.verdicts import Answer


def effects_frame(answers: list[Answer]) -> pd.DataFrame:
    """hypothesis (its place), kind (seed, these, new), seed, value, low, high, is_ratio, margin: a row a point."""
    rows: list[dict[str, Any]] = []
    for index, answer in enumerate(answers):
        comparison = answer.comparison
        base = {"hypothesis": index, "is_ratio": answer.quantity.column.is_ratio, "margin": answer.margin}
        rows += [base | {"kind": "seed", "seed": seed, "value": value} for seed, value in comparison.pairs.items()]
        for kind, estimate in (("these", comparison.these), ("new", comparison.new)):
            if estimate.n:
                value, low, high = comparison.shown(estimate)
                rows.append(base | {"kind": kind, "value": value, "low": low, "high": high})
    names = ["hypothesis", "kind", "seed", "value", "low", "high", "is_ratio", "margin"]
    return pd.DataFrame(rows, columns=names)
