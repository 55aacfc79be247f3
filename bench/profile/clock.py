"""Warm-up, windows and their spread: how long calls take, once they have become steady."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.measure.throughput import Clock

WARM_UP_CALLS = 10
ALIKE, WINDOWS_ALIKE = 0.01, 3
WARM_UP_WINDOW = 0.5  # seconds
SLOW = 1.0  # seconds a call, above which WARM_UP_SLOW calls have to do
WARM_UP_SLOW = 3
SAMPLES_FOR_P99 = 1000


@dataclass(frozen=True)
class WarmUp:
    """What came before the first window."""

    first_call_seconds: float
    """With compilation and autotuning, if there are any."""
    calls: int
    seconds: float
    seconds_per_call: float
    steady: bool
    """The last three windows agreed within 1%."""


def warm_up(call: Callable[[], Any], clock: Clock, least_seconds: float, patience: float) -> WarmUp:
    """Call it 10 times (3 times, where one takes more than a second) and for `least_seconds`, then until three windows
    in a row agree within 1%, or `patience` seconds have passed."""
    first, latest = clock(call, 1), clock(call, 1)
    calls, seconds = 2, first + latest
    least = WARM_UP_SLOW if latest > SLOW else WARM_UP_CALLS
    while calls < least or seconds < least_seconds:
        latest = clock(call, 1)
        calls, seconds = calls + 1, seconds + latest
    a_window = max(1, round(WARM_UP_WINDOW / max(latest, 1e-9)))
    windows: deque[float] = deque(maxlen=WINDOWS_ALIKE)
    deadline = time.monotonic() + patience
    while True:
        windows.append(clock(call, a_window) / a_window)
        calls, seconds = calls + a_window, seconds + windows[-1] * a_window
        steady = len(windows) == WINDOWS_ALIKE and max(windows) <= (1 + ALIKE) * min(windows)
        if steady or (time.monotonic() > deadline and len(windows) > 1):
            return WarmUp(first, calls, seconds, float(np.median(windows)), steady)


def calls_a_round(seconds_per_call: float, rounds: int, least_calls: int, least_s: float, most_s: float) -> int:
    """So many that all rounds together have at least `least_calls` and `least_s` seconds, or else last `most_s`."""
    wanted = max(least_calls, least_s / seconds_per_call)
    return max(1, math.ceil(min(wanted, most_s / seconds_per_call) / rounds))


def spread(values: Sequence[float]) -> float:
    """Interquartile range over median."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float((high - low) / middle)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """median, low and high of ours over theirs, round by round."""
    by_round = [a / b for a, b in zip(ours, theirs, strict=False)]
    return {"median": float(np.median(by_round)), "low": min(by_round), "high": max(by_round)}


def percentiles(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """p50, p90 and p99 in seconds; p99 wants 1,000 samples and is None below."""
    p50, p90, p99 = np.quantile(seconds, [0.5, 0.9, 0.99]).tolist()
    return {"p50": p50, "p90": p90, "p99": p99 if len(seconds) >= SAMPLES_FOR_P99 else None, "samples": len(seconds)}
