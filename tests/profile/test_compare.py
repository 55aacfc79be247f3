"""Cases measured for real, in processes of their own, at the smallest scale."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from bench.config import RunConfig
from bench.profile.cases import Case, ProfileSettings
from bench.profile.compare import compare, measure_latency
from bench.profile.process import CaseFailed, CaseProcess
from bench.profile.sweep import SHORT, measure_packing, sweep
from bench.scales import SCALES

QUICK = ProfileSettings(rounds=5, least_calls=5, least_seconds=0.05, most_seconds=0.2, warm_up_seconds=0, patience=0)
TINY = RunConfig.model_validate({**SCALES["tiny"], "generator": {"width": 2}, "discriminator": {"width": 2}})


def case(**changes: Any) -> Case:
    return replace(Case("ours", TINY, "training", 2), **changes)


def quiet(text: str) -> None:
    del text


def test_rows_take_turns_and_a_case_that_fails_has_its_reason() -> None:
    log: list[str] = []
    broken = case(label="broken", config=TINY.model_copy(update={"method": "gray"}))
    rows = compare([case(loop="plain", label="plain"), case(), broken], QUICK, log.append)
    rounds = [text for text in log if ": round " in text]
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
    (row,) = measure_latency([case(work="inference", batch_size=8)], QUICK, quiet)
    assert row["batch_size"] == 1
    assert 0 < row["latency"]["p50"] <= row["latency"]["p90"]
    assert (row["latency"]["p99"] is None) == (row["latency"]["samples"] < 1000)


def test_a_killed_process_is_a_reason_not_a_hang() -> None:
    process = CaseProcess(case(), QUICK)
    process.process.kill()
    with pytest.raises(CaseFailed, match="killed"):
        process.ask("warm_up")
    process.close()


def test_a_sweep_doubles_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHORT, "patience", 0.0)
    monkeypatch.setattr("bench.profile.sweep.MAX_BATCH", 2)
    result = sweep(case(work="inference"), QUICK, quiet)
    sizes = [point["batch_size"] for point in result["points"]]
    assert sizes == [1, 2]
    assert result["best"] in result["points"]
    assert result["ended"] == "batch 2, the largest that is tried"


def test_runs_at_once_are_added_up() -> None:
    one, two = measure_packing(case(), [1, 2], QUICK, quiet)
    assert (one["runs"], two["runs"]) == (1, 2)
    assert one["ratio"]["median"] == 1.0
    assert two["images_per_second"] > 0
