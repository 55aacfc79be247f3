"""Warm-up, windows and percentiles, with clocks that tick as written here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench.measure.throughput import wall_clock
from bench.profile.clock import calls_per_round, percentiles, spread, warm_up


def clock_of(seconds: Iterator[float]) -> Callable[[Callable[[], Any], int], float]:
    """A clock by which each call takes the next of `seconds`."""

    def clock(call: Callable[[], Any], times: int) -> float:
        return sum(next(seconds) for _ in range(times))

    return clock


def test_the_wall_clock_calls_so_often() -> None:
    calls: list[int] = []
    assert wall_clock(lambda: calls.append(1), 7) > 0
    assert len(calls) == 7


def test_warming_up_takes_ten_calls_and_two_seconds_and_three_windows_alike() -> None:
    quick = warm_up(
        lambda: None, clock_of(itertools.chain([5.0], itertools.repeat(0.01))), least_seconds=2, patience=60
    )
    assert quick.first_call_seconds == 5.0
    assert quick.calls == 10 + 3 * 50  # windows of half a second
    assert quick.seconds_per_call == pytest.approx(0.01)
    assert quick.steady
    slow = warm_up(lambda: None, clock_of(itertools.repeat(1.5)), least_seconds=2, patience=60)
    assert (slow.calls, slow.steady) == (3 + 3, True)


def test_a_speed_that_never_settles_is_not_steady() -> None:
    slowing = warm_up(lambda: None, clock_of(1.2 * 1.1**n for n in itertools.count()), least_seconds=2, patience=0)
    assert not slowing.steady
    assert slowing.calls == 3 + 2


def test_windows_that_settle_late_are_waited_for() -> None:
    ticks = itertools.chain([2.0, 2.0, 2.0, 2.0, 1.9, 1.8], itertools.repeat(1.7))
    assert warm_up(lambda: None, clock_of(ticks), least_seconds=2, patience=60).calls == 3 + 3 + 3


@pytest.mark.parametrize(
    ("per_call", "calls"),
    [(0.001, 1000), (0.04, 25), (0.1, 20), (10.0, 1), (2.0, 3)],  # 5 s; 5 s; 100 calls; one at least; 30 s at the most
)
def test_calls_of_a_round(per_call: float, calls: int) -> None:
    assert calls_per_round(per_call, rounds=5, least_calls=100, least_s=5, most_s=30) == calls


def test_spread_and_percentiles() -> None:
    assert spread([1, 2, 3, 4, 5]) == pytest.approx(2 / 3)
    few = percentiles([1.0, 2.0, 3.0])
    assert few == {"p50": 2.0, "p90": pytest.approx(2.8), "p99": None, "samples": 3}
    assert percentiles([float(n) for n in range(1000)])["p99"] == pytest.approx(989.01)
