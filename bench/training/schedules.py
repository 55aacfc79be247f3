"""Values that change over a run: lambda (section 3.2) and the learning rates."""

from __future__ import annotations

import math

from bench.config import ScheduleConfig, TrainConfig


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


def decay_at(train: TrainConfig, progress: float) -> float:
    """The factor of every learning rate at progress in [0, 1]: 1 until `decay_after`, 0 at the end."""
    if train.learning_rate_decay == "none" or progress <= train.decay_after:
        return 1.0
    decayed = (progress - train.decay_after) / (1 - train.decay_after)
    return (1 + math.cos(math.pi * decayed)) / 2 if train.learning_rate_decay == "cosine" else 1 - decayed
