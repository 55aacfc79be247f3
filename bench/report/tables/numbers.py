"""Numbers in words: decimals, signs, ratios, intervals and p-values as every table writes them."""

from __future__ import annotations

import math
from typing import Any

from bench.config import BUDGETS
from bench.report.analysis.columns import Column
from bench.report.analysis.comparisons import Comparison
from bench.study.labels import MISSING


def number(value: float, decimals: int, signed: bool = False) -> str:
    """A number with its decimals, thousands separated, a real minus sign."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "−∞" if value < 0 else "+∞" if signed else "∞"
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    if not text.strip("+-0.,"):  # a minus of a rounded zero says nothing
        text = text.replace("-", "+" if signed else "")
    return text.replace("-", "−")


def ratio(value: float) -> str:
    """×0.74, ×892"""
    return "×" + _factor(value)


def _factor(value: float) -> str:
    return f"{value:.2g}" if 0 <= value < 0.095 else number(value, 2 if value < 10 else 0)


def estimate_text(three: tuple[float, float, float], column: Column, method: str = "t") -> str:
    """+0.10 [−0.02, +0.22], ×0.80 [0.50, 1.00], median −1.00; without an interval where there is none."""
    mean, low, high = three
    if math.isnan(mean) and math.isnan(low):
        return MISSING
    is_point = math.isnan(low) or math.isclose(low, high, rel_tol=1e-9)
    if column.is_ratio:
        text = ratio(mean) if is_point else f"{ratio(mean)} [{_factor(low)}, {_factor(high)}]"
    else:
        text, low_text, high_text = (number(value, column.decimals, signed=True) for value in three)
        text = text if is_point else f"{text} [{low_text}, {high_text}]"
    return f"median {text}" if method == "median" and not column.is_ratio else text


def these_text(found: Comparison, column: Column) -> str:
    """The estimate on these images."""
    return estimate_text(found.shown(found.these), column, found.method)


def new_text(found: Comparison, column: Column) -> str:
    """The estimate on new images."""
    return estimate_text(found.shown(found.new), column)


def p_text(p: float) -> str:
    """0.031, < 0.001"""
    return MISSING if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def budget_text(train: dict[str, Any]) -> str:
    """200 steps; 2.5e+13 FLOPs"""
    unit = next(unit for unit in BUDGETS if train.get(unit))
    return f"{train['flops']:.3g} FLOPs" if unit == "flops" else f"{train[unit]:,} {unit}"


def listed(names: list[str]) -> str:
    """PSNR, SSIM and LPIPS"""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def seeds_text(seeds: list[int]) -> str:
    """0, 1, 2; 0 to 47, where more than ten follow each other."""
    follow = seeds == list(range(seeds[0], seeds[0] + len(seeds)))
    return f"{seeds[0]} to {seeds[-1]}" if follow and len(seeds) > 10 else ", ".join(map(str, seeds))
