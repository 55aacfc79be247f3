"""Time to quality: thresholds, medians and ratios of curves made by hand."""

from __future__ import annotations

import math

import pytest
from made import Scores, curve, hypothesis, made_results

from bench.report.analysis.analysis import analyse
from bench.report.analysis.measurements import read_measurements
from bench.report.analysis.quantities import parse, values
from bench.report.tables.hypotheses import hypothesis_table
from bench.report.tables.time_to_quality import time_table

SEEDS = range(6)
SCORES: Scores = {label: {seed: [20.0, 21.0] for seed in SEEDS} for label in ("a", "b")} | {"free": {0: [18.0, 18.0]}}
CURVES = {  # at steps 10, 20, 30, 40; the control's last are 12, 14, 14, 14, 14, 16: the median is 14
    "a": dict(enumerate([[10, 11, 12, 12], [13, 13, 13, 14], *[[12, 12, 14, 14]] * 3, [14, 15, 16, 16]])),
    "b": dict(enumerate([[10, 14, 13, 13], *[[14, 14, 14, 14]] * 4, [9, 9, 9, 9]])),
}


def test_a_run_reaches_the_controls_median_final_score_or_never() -> None:
    results = made_results(SCORES, [], curve(CURVES))
    assert read_measurements(results).thresholds["psnr"] == 14
    assert list(values(read_measurements(results), parse("steps_to_psnr"), "a").values()) == [
        math.inf,
        40,
        30,
        30,
        30,
        10,
    ]
    assert list(values(read_measurements(results), parse("steps_to_psnr"), "b").values()) == [
        20,
        10,
        10,
        10,
        10,
        math.inf,
    ]
    assert list(values(read_measurements(results), parse("images_to_psnr"), "b").values())[:2] == [80, 40]
    assert list(values(read_measurements(results), parse("seconds_to_psnr"), "b").values())[:2] == [10.0, 5.0]
    assert values(read_measurements(results), parse("steps_to_psnr"), "free") == {}


def test_a_run_that_diverged_never_reaches_it_whatever_its_curve_says() -> None:
    scores = SCORES | {"b": {seed: [20.0, 21.0] for seed in range(5)}}
    results = made_results(scores, [], curve(CURVES | {"b": {5: [14, 14, 14, 14]}}))
    assert values(read_measurements(results), parse("steps_to_psnr"), "b") == {5: math.inf}


def test_the_table_has_medians_over_all_runs_and_the_ratio_of_steps() -> None:
    results = made_results(SCORES, [], curve(CURVES))
    first, second = analyse(results).times.to_dict("records")
    assert (first["label"], first["reached"], first["runs"], first["steps"]) == ("a", 5, 6, 30)
    assert (second["label"], second["reached"], second["steps"], second["seconds"]) == ("b", 5, 10, 5)
    ratios = sorted([0, 1 / 4, 1 / 3, 1 / 3, 1 / 3, math.inf])
    assert (second["ratio"], second["low"], second["high"]) == pytest.approx((1 / 3, ratios[0], ratios[-1]))
    table = time_table(analyse(results))
    assert table is not None
    assert table.rows[0] == ["PSNR", "a (control)", "5/6", "30", "120", "15.0", "—"]
    assert table.rows[1] == ["PSNR", "b", "5/6", "10", "40", "5.0", "×0.33 [0, ∞]"]
    assert "PSNR ≥ 14.00 dB" in table.notes[0]


def test_there_is_no_table_without_a_curve_of_a_score_with_a_better_end() -> None:
    assert time_table(analyse(made_results(SCORES, []))) is None
    neutral = made_results(SCORES, [], curve(CURVES, "val_colorfulness"), metric="colorfulness")
    assert time_table(analyse(neutral)) is None


def test_a_hypothesis_of_times_is_tested_by_signs() -> None:
    results = made_results(SCORES, [hypothesis("steps_to_psnr", "b", "<", "a")], curve(CURVES))
    (answer,) = analyse(results).answers
    assert answer.p == pytest.approx(2 * (1 + 6) / 2**6)  # five of six are below
    assert answer.verdict == "inconclusive"
    table = hypothesis_table(analyse(results))
    assert table.rows[0][:4] == ["steps to PSNR: b < a", "×0.33 [0, ∞]", "—", "6"]
    assert any("PSNR ≥ 14.00 dB" in note for note in table.notes)


def test_a_score_without_a_better_end_has_no_time_to_quality() -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse("steps_to_colorfulness")
    scores: Scores = {label: {seed: [40.0] for seed in SEEDS} for label in ("a", "b")}
    assert time_table(analyse(made_results(scores, [], curve(CURVES, "val_colorfulness"), "colorfulness"))) is None


def test_a_threshold_that_all_reach_at_once_is_said_to_tell_nothing() -> None:
    flat = {label: {seed: [14.0, 14.0] for seed in SEEDS} for label in ("a", "b")}
    table = time_table(analyse(made_results(SCORES, [], curve(flat))))
    assert table is not None
    assert any(note.startswith("PSNR: every variant reaches the score at the first validation") for note in table.notes)
    later = time_table(analyse(made_results(SCORES, [], curve(CURVES))))
    assert later is not None
    assert not any("does not distinguish" in note for note in later.notes)


def test_of_an_even_number_of_seeds_half_reach_the_threshold() -> None:
    scores: Scores = {"a": {0: [20.0], 1: [22.0]}, "b": {0: [20.0], 1: [22.0]}}
    rising = curve({"a": {0: [10, 12, 14], 1: [10, 12, 20]}, "b": {0: [9, 9, 9], 1: [9, 9, 9]}})
    results = made_results(scores, [], rising)
    assert read_measurements(results).thresholds["psnr"] == 14
    assert values(read_measurements(results), parse("steps_to_psnr"), "a") == {0: 30, 1: 30}
