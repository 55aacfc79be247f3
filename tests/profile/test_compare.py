"""Cases measured for real, in processes of their own, at the smallest scale."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from bench.config import RunConfig
from bench.profile.cases import Case, Settings
from bench.profile.compare import compare, latency
from bench.profile.process import Subject, SubjectFailed
from bench.profile.sweep import SHORT, packing, sweep
from bench.scales import SCALES

QUICK = Settings(rounds=5, least_calls=5, least_seconds=0.05, most_seconds=0.2, warm_up_seconds=0, patience=0)
TINY = RunConfig.model_validate({**SCALES["tiny"], "generator": {"width": 2}, "discriminator": {"width": 2}})


def case(**changes: Any) -> Case:
    return replace(Case("ours", TINY, "training", 2), **changes)


def quiet(text: str) -> None:
    del text


def test_rows_take_turns_and_a_case_that_fails_says_why() -> None:
    said: list[str] = []
    broken = case(label="broken", config=TINY.model_copy(update={"method": "gray"}))
    rows = compare([case(loop="plain", label="plain"), case(), broken], QUICK, said.append)
    rounds = [text for text in said if ": round " in text]
    assert rounds == [f"{label}: round {n} of 5" for n, label in itertools.product(range(1, 6), ("plain", "ours"))]
    plain, ours, missing = rows
    assert missing["missing"] == "broken: nothing to train"
    assert plain["ratio"] == {"to": "plain", "median": 1.0, "low": 1.0, "high": 1.0}
    assert ours["ratio"]["low"] <= ours["ratio"]["median"] <= ours["ratio"]["high"]
    for row in (plain, ours):
        assert len(row["rounds"]) == 5
        assert row["calls"] >= 5
        assert set(row["split"]) == {"data", "generator", "discriminator", "optimiser", "rest"}
        assert row["memory"]["allocated"] > 0
        assert row["roofline"]["share"] > 0
    assert plain["costs"]["parameters_total"] == ours["costs"]["parameters_total"]
    assert plain["costs"]["call_flops"] > ours["costs"]["call_flops"]  # G's forward pass, three times


def test_latency_is_of_one_image() -> None:
    (row,) = latency([case(work="inference", batch_size=8)], QUICK, quiet)
    assert row["batch_size"] == 1
    assert 0 < row["latency"]["p50"] <= row["latency"]["p90"]
    assert (row["latency"]["p99"] is None) == (row["latency"]["samples"] < 1000)


def test_a_process_that_is_killed_is_a_reason_not_a_hang() -> None:
    subject = Subject(case(), QUICK)
    subject.process.kill()
    with pytest.raises(SubjectFailed, match="killed"):
        subject.ask("warm_up")
    subject.close()


def test_a_sweep_doubles_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHORT, "patience", 0.0)
    monkeypatch.setattr("bench.profile.sweep.LARGEST", 2)
    found = sweep(case(work="inference"), QUICK, quiet)
    sizes = [point["batch_size"] for point in found["points"]]
    assert sizes == [1, 2]
    assert found["best"] in found["points"]
    assert found["ended"] == "batch 2, the largest that is tried"


def test_runs_at_once_are_added_up() -> None:
    one, two = packing(case(), [1, 2], QUICK, quiet)
    assert (one["runs"], two["runs"]) == (1, 2)
    assert one["ratio"]["median"] == 1.0
    assert two["images_per_second"] > 0
