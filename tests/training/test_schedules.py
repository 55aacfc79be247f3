"""Schedules at points worked out by hand."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from bench.config import LossConfig, ScheduleConfig, TrainConfig
from bench.training.schedules import decay_at, value_at

AT = (0.0, 0.25, 0.5, 1.0)
COSINE = math.sqrt(2) / 2  # of pi / 4


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"start": 7}, (7, 7, 7, 7)),
        ({"kind": "linear", "start": 100, "end": 10}, (100, 77.5, 55, 10)),
        ({"kind": "linear", "start": 0, "end": 4}, (0, 1, 2, 4)),
        ({"kind": "cosine", "start": 100, "end": 10}, (100, 10 + 45 * (1 + COSINE), 55, 10)),
        ({"kind": "step", "start": 100, "end": 10, "at": 0.5}, (100, 100, 10, 10)),
        ({"kind": "step", "start": 100, "end": 10, "at": 0.25}, (100, 10, 10, 10)),
        ({"kind": "step", "start": 100, "end": 0, "at": 0.9}, (100, 100, 100, 0)),
    ],
)
def test_value(schedule: dict[str, object], expected: tuple[float, ...]) -> None:
    config = ScheduleConfig.model_validate(schedule)
    assert [value_at(config, progress) for progress in AT] == pytest.approx(expected, rel=1e-12)


def test_lambda_falls_from_100_to_10_and_a_bare_number_is_constant() -> None:
    assert [value_at(LossConfig().l1, progress) for progress in AT] == pytest.approx([100, 77.5, 55, 10])
    assert LossConfig.model_validate({"l1": 3}).l1 == ScheduleConfig(start=3)


@pytest.mark.parametrize(
    ("schedule", "match"),
    [
        ({"start": 1, "end": 2}, "a constant schedule has no end"),
        *(({"kind": kind, "start": 1}, f"a {kind} schedule needs an end") for kind in ("linear", "cosine", "step")),
    ],
)
def test_what_is_not_a_schedule_is_refused(schedule: dict[str, object], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        ScheduleConfig.model_validate(schedule)


@pytest.mark.parametrize(
    ("decay", "after", "expected"),
    [
        ("none", 0, (1, 1, 1, 1)),
        ("linear", 0, (1, 0.75, 0.5, 0)),
        ("linear", 0.25, (1, 1, 2 / 3, 0)),
        ("cosine", 0, (1, (1 + COSINE) / 2, 0.5, 0)),
        ("cosine", 0.5, (1, 1, 1, 0)),
    ],
)
def test_learning_rates_decay_to_0(decay: str, after: float, expected: tuple[float, ...]) -> None:
    train = TrainConfig.model_validate({"learning_rate_decay": decay, "decay_after": after})
    assert [decay_at(train, progress) for progress in AT] == pytest.approx(expected, abs=1e-12)
