"""How long calls take once their speed is steady: warm-up, windows of calls, spread, percentiles."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.measure.throughput import Clock

WARM_UP_CALLS, SLOW_WARM_UP_CALLS = 10, 3  # the minimum; the second for calls of more than SLOW seconds
SLOW = 1.0
WARM_UP_WINDOW = 0.5  # seconds
STEADY_WINDOWS, STEADY_DEVIATION = 3, 0.01  # the speed is steady if so many windows in a row agree to this share
SAMPLES_FOR_P99 = 1000


@dataclass(frozen=True)
class WarmUp:
    """The calls before the first window."""

    first_call_seconds: float
    """Includes compilation and autotuning, if there are any."""
    calls: int
    seconds: float
    seconds_per_call: float
    steady: bool
    """Whether the last three windows agreed within 1%."""


def warm_up(call: Callable[[], Any], clock: Clock, least_seconds: float, patience: float) -> WarmUp:
    """Call at least 10 times (3 times if a call takes more than a second) and for `least_seconds`, then until three
    windows in a row agree within 1%, or until `patience` seconds have passed."""
    first, latest = clock(call, 1), clock(call, 1)
    calls, seconds = 2, first + latest
    min_calls = SLOW_WARM_UP_CALLS if latest > SLOW else WARM_UP_CALLS
    while calls < min_calls or seconds < least_seconds:
        latest = clock(call, 1)
        calls, seconds = calls + 1, seconds + latest
    per_window = max(1, round(WARM_UP_WINDOW / max(latest, 1e-9)))
    windows: deque[float] = deque(maxlen=STEADY_WINDOWS)
    deadline = time.monotonic() + patience
    while True:
        windows.append(clock(call, per_window) / per_window)
        calls, seconds = calls + per_window, seconds + windows[-1] * per_window
        steady = len(windows) == STEADY_WINDOWS and max(windows) <= (1 + STEADY_DEVIATION) * min(windows)
        if steady or (time.monotonic() > deadline and len(windows) > 1):
            return WarmUp(first, calls, seconds, float(np.median(windows)), steady)


def calls_per_round(seconds_per_call: float, rounds: int, least_calls: int, least_s: float, most_s: float) -> int:
    """The calls of one window. All rounds together make at least `least_calls` calls and last at least `least_s`, but
    never more than `most_s` seconds."""
    calls = max(least_calls, least_s / seconds_per_call)
    return max(1, math.ceil(min(calls, most_s / seconds_per_call) / rounds))


def spread(values: Sequence[float]) -> float:
    """Interquartile range over median."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float((high - low) / middle)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """median, low and high of the ratio of ours to theirs, round by round."""
    by_round = [a / b for a, b in zip(ours, theirs, strict=False)]
    return {"median": float(np.median(by_round)), "low": min(by_round), "high": max(by_round)}


def percentiles(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """p50, p90 and p99 in seconds; p99 is None below 1,000 samples."""
    p50, p90, p99 = np.quantile(seconds, [0.5, 0.9, 0.99]).tolist()
    return {"p50": p50, "p90": p90, "p99": p99 if len(seconds) >= SAMPLES_FOR_P99 else None, "samples": len(seconds)}
