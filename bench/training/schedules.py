"""Values that change over a run, such as lambda in section 3.2."""

from __future__ import annotations

import math

from bench.config import ScheduleConfig


def value_at(schedule: ScheduleConfig, progress: float) -> float:
    """The schedule's value at progress in [0, 1]."""
    start, end = schedule.start, schedule.end
    if end is None:
        return start
    if schedule.kind == "step":
        assert schedule.at is not None
        return start if progress < schedule.at else end
    if schedule.kind == "cosine":
        return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
    return start + (end - start) * progress
