"""Numbers as text: decimals, signs, ratios, intervals and p-values, the same in every table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.config import BUDGETS
from bench.study.labels import MISSING

if TYPE_CHECKING:
    # `bench data` shows numbers too, and does not need pandas.
    from bench.report.analysis.columns import Column
    from bench.report.analysis.comparisons import Comparison
    from bench.report.analysis.verdicts import Answer


def number(value: float, decimals: int, signed: bool = False) -> str:
    """A number with this many decimals, separated thousands and a true minus sign."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "−∞" if value < 0 else "+∞" if signed else "∞"
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    if not text.strip("+-0.,"):  # −0.00 would claim a sign
        text = text.replace("-", "+" if signed else "")
    return text.replace("-", "−")


def ratio(value: float) -> str:
    """×0.74, ×892"""
    return "×" + _factor(value)


def _factor(value: float) -> str:
    return f"{value:.2g}" if 0 <= value < 0.095 else number(value, 2 if value < 10 else 0)


def estimate_text(estimate: tuple[float, float, float], column: Column, method: str = "t") -> str:
    """+0.10 [−0.02, +0.22], ×0.80 [0.50, 1.00], median −1.00; without an interval where there is none."""
    mean, low, high = estimate
    if math.isnan(mean) and math.isnan(low):
        return MISSING
    is_point = math.isnan(low) or math.isclose(low, high, rel_tol=1e-9)
    if column.is_ratio:
        text = ratio(mean) if is_point else f"{ratio(mean)} [{_factor(low)}, {_factor(high)}]"
    else:
        text, low_text, high_text = (number(value, column.decimals, signed=True) for value in estimate)
        text = text if is_point else f"{text} [{low_text}, {high_text}]"
    return f"median {text}" if method == "median" and not column.is_ratio else text


def these_text(comparison: Comparison, column: Column) -> str:
    """The estimate on these images."""
    return estimate_text(comparison.shown(comparison.these), column, comparison.method)


def new_text(comparison: Comparison, column: Column) -> str:
    """The estimate on new images."""
    return estimate_text(comparison.shown(comparison.new), column)


def estimate_with_unit(answer: Answer) -> str:
    """The estimate that decides the verdict, with its unit: +1.08 [+0.73, +1.44] dB"""
    column, to_text = answer.quantity.column, new_text if answer.of_new_images else these_text
    unit = f" {column.unit}" if column.unit and not column.is_ratio else ""
    return to_text(answer.comparison, column) + unit


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
    """0, 1, 2; or 0 to 47 for more than ten consecutive seeds."""
    consecutive = seeds == list(range(seeds[0], seeds[0] + len(seeds)))
    return f"{seeds[0]} to {seeds[-1]}" if consecutive and len(seeds) > 10 else ", ".join(map(str, seeds))


def range_text(limits: tuple[int, int]) -> str:
    """6; or 250 to 1,000 where the two differ."""
    low, high = limits
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def counted(count: int, noun: str) -> str:
    """1 seed, 6 seeds"""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
