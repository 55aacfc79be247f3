"""Hypotheses and their answers: estimates, verdicts and what is said about them, on scores made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made import Scores, curve, hypothesis, made_results

from bench.report.analysis.analysis import analyse
from bench.report.analysis.columns import COSTS
from bench.report.analysis.comparisons import compare
from bench.report.analysis.measurements import read_measurements
from bench.report.analysis.quantities import parse, values
from bench.report.analysis.statistics import (
    NOTHING,
    holm,
    paired_difference,
    paired_median,
    sign_flip_p,
    two_way_difference,
)
from bench.report.tables.hypotheses import hypothesis_table
from bench.study import hypotheses as studies

JITTER = [0.00, 0.02, -0.01, 0.03, -0.02, 0.01]


def _scores(first: float, second: float, seeds: int = 6) -> Scores:
    """b has 20 dB on two photographs at every seed; a has `first` and `second` more, and a little of chance."""
    return {
        "a": {s: [20 + first + JITTER[s], 20 + second + JITTER[s]] for s in range(seeds)},
        "b": {s: [20.0, 20.0] for s in range(seeds)},
    }


def test_both_estimates_are_those_of_the_statistics() -> None:
    scores = {
        "a": {0: [20.0, 22.5, 19.0], 1: [21.0, 23.0, 18.0], 2: [20.5, 24.0, 19.5]},
        "b": {0: [19.0, 22.0, 19.5], 1: [20.5, 21.0, 18.5], 2: [20.0, 22.5, 18.0]},
    }
    results = made_results(scores, [hypothesis("psnr")])
    (answer,) = analyse(results).answers
    difference = np.array(list(scores["a"].values())) - np.array(list(scores["b"].values()))
    means = [np.mean(list(scores[label].values()), axis=1) for label in "ab"]
    assert answer.comparison.these == paired_difference(*means)
    assert answer.comparison.new == two_way_difference(difference, ["p0", "p1", "p2"])
    assert answer.comparison.photographs == 3
    assert answer.p == answer.comparison.new.p == answer.p_holm
    assert answer.p_sign_flip == sign_flip_p(difference.mean(axis=1))


def test_photographs_that_disagree_leave_new_images_open_where_these_are_decided() -> None:
    results = made_results(_scores(10, -8), [hypothesis("psnr"), hypothesis("psnr", "a", "<", "b")])
    answer, opposite = analyse(results).answers
    assert answer.comparison.these.mean == answer.comparison.new.mean == pytest.approx(1.005)
    assert (answer.verdict, answer.verdict_these) == ("inconclusive", "supported")
    assert answer.verdict_in_words == "inconclusive (on these images: supported)"
    assert opposite.verdict_in_words == "inconclusive (on these images: refuted)"
    assert answer.still_needed == "more photographs"


def test_where_photographs_agree_the_verdict_is_that_on_new_images() -> None:
    asked = [hypothesis("psnr"), hypothesis("psnr", "b", right="a"), hypothesis("psnr", "a", "=", margin=1.5)]
    found = analyse(made_results(_scores(1.01, 0.99), asked)).answers
    assert [a.verdict_in_words for a in found] == ["supported", "refuted", "supported"]
    assert [a.still_needed for a in found] == ["—", "—", "—"]
    assert [a.p_sign_flip for a in found[:2]] == [0.03125, 0.03125]
    assert math.isnan(found[2].p_sign_flip)
    assert found[2].text == "PSNR: a = b within 1.5"


def test_holm_is_over_the_hypotheses_of_the_study() -> None:
    asked = [hypothesis("psnr"), hypothesis("psnr", "a", "<", "b"), hypothesis("training_images_per_second")]
    found = analyse(made_results(_scores(0.5, 0.1, seeds=3), asked)).answers
    assert [a.p_holm for a in found] == holm([a.p for a in found])
    assert found[0].p_holm == pytest.approx(2 * found[0].p)  # the speed's p is 0, the other two are the same


def test_speeds_are_compared_as_ratios_over_seeds() -> None:
    (answer,) = analyse(made_results(_scores(0, 0, seeds=2), [hypothesis("training_images_per_second")])).answers
    assert answer.comparison.shown(answer.comparison.these) == pytest.approx((2, 2, 2))
    assert (answer.verdict, answer.comparison.new) == ("supported", NOTHING)


def test_counts_are_exact_at_any_number_of_seeds() -> None:
    asked = [hypothesis("parameters_total"), hypothesis("parameters_total", "a", "<", "b"), hypothesis("macs")]
    results = made_results(_scores(0, 0, seeds=1), asked)
    found = analyse(results).answers
    assert [a.verdict for a in found] == ["supported", "refuted", "refuted"]  # MACs are equal, so none has more
    estimate = found[0].comparison.these
    assert (estimate.mean, estimate.low, estimate.high) == (1.5, 1.5, 1.5)
    row = hypothesis_table(analyse(results)).rows[0]
    assert row == ["params G+D: a > b", "×1.50", "—", "exact", "—", "exact", "supported", "—"]


def test_a_run_that_diverged_counts_as_the_worst() -> None:
    scores = _scores(1, 1)
    del scores["b"][5]
    results = made_results(scores, [hypothesis("psnr")])
    assert values(read_measurements(results), parse("psnr"), "b") == dict.fromkeys(range(5), 20.0) | {5: -math.inf}
    (answer,) = analyse(results).answers
    assert answer.comparison.these == paired_median([21 + j for j in JITTER], [20.0] * 5 + [-math.inf])
    assert (answer.comparison.new, answer.p, answer.verdict) == (NOTHING, 0.03125, "supported")
    table = hypothesis_table(analyse(results))
    assert table.rows[0][1] == "median +1.01 [+0.98, +∞]"
    assert any("counts as worse than any other" in note for note in table.notes)


def test_of_a_metric_without_a_better_end_a_run_that_diverged_is_the_worst_for_what_is_expected() -> None:
    scores = _scores(1, 1, seeds=3)
    del scores["b"][0]
    asked = [hypothesis("colorfulness"), hypothesis("colorfulness", relation="<")]
    more, less = analyse(made_results(scores, asked, metric="colorfulness")).answers
    assert (more.comparison.these.n, more.comparison.pairs[0]) == (3, math.inf)  # b is worse, and less is worse
    assert (less.comparison.these.n, less.comparison.pairs[0]) == (3, -math.inf)  # b is worse, and more is worse


def test_a_run_that_diverged_leaves_no_equality_of_a_metric_without_a_better_end() -> None:
    scores = _scores(0.001, 0.001)
    asked = [hypothesis("colorfulness", relation="=", margin=2)]
    assert analyse(made_results(scores, asked, metric="colorfulness")).answers[0].verdict == "supported"
    del scores["b"][0]
    (answer,) = analyse(made_results(scores, asked, metric="colorfulness")).answers
    assert (answer.comparison.these.n, answer.comparison.left_out) == (6, 0)
    assert (answer.verdict, answer.verdict_these) == ("inconclusive", "inconclusive")
    assert (answer.seeds_needed, answer.still_needed) == (None, "—")  # no number of seeds would do


def test_a_score_that_is_nan_counts_as_the_worst_and_is_not_averaged_away() -> None:
    scores = _scores(1, 1)
    scores["b"][5] = [math.nan, 20.0]
    results = made_results(scores, [hypothesis("psnr")])
    assert values(read_measurements(results), parse("psnr"), "b") == {**dict.fromkeys(range(5), 20.0), 5: -math.inf}
    assert analyse(results).answers[0].comparison.these == paired_median(
        [21 + j for j in JITTER], [20.0] * 5 + [-math.inf]
    )


@pytest.mark.parametrize(
    ("quantity", "margin", "verdict"),
    [
        ("parameters_total", 0.51, "supported"),  # 1200 / 800
        ("parameters_total", 0.49, "refuted"),
        ("training_images_per_second", 1.05, "supported"),  # 2, at every seed
        ("training_images_per_second", 0.95, "refuted"),
    ],
)
def test_costs_are_equal_within_a_share(quantity: str, margin: float, verdict: str) -> None:
    (answer,) = analyse(made_results(_scores(1, 1), [hypothesis(quantity, relation="=", margin=margin)])).answers
    assert answer.verdict == verdict
    assert answer.text.endswith(f"a = b within {100 * margin:g}%")


def test_a_metric_that_could_not_be_had_is_not_worst_where_a_run_failed() -> None:
    scores = _scores(1, 1, seeds=2)
    del scores["b"][1]
    results = made_results(scores, [hypothesis("lpips")])
    (answer,) = analyse(results).answers
    assert (answer.comparison.these, answer.verdict, answer.still_needed) == (NOTHING, "inconclusive", "—")
    assert hypothesis_table(analyse(results)).rows[0][1:4] == ["—", "—", "0"]


def test_a_method_without_parameters_stands_for_every_seed_and_two_of_them_are_one_pair() -> None:
    scores = _scores(1, 1, seeds=3) | {"free": {0: [18.0, 19.0]}}
    results = made_results(scores, [])
    found = compare(read_measurements(results), parse("psnr"), "a", "free")
    assert found.these.mean == found.new.mean == pytest.approx(21 + np.mean(JITTER[:3]) - 18.5)
    assert found.these.n == 3
    alone = compare(read_measurements(results), parse("psnr"), "free", "free")
    assert (alone.these.n, alone.new) == (1, NOTHING)


def test_an_early_score_is_that_of_the_first_validation_at_or_after_the_share() -> None:
    curves = curve({"a": {0: [1, 2, 3, 4, 5], 1: [2, 3, 4, 5, 6]}, "b": {0: [0, 0, 0, 0, 0]}})
    results = made_results(_scores(1, 1, seeds=2), [], curves)
    assert values(read_measurements(results), parse("psnr@40%"), "a") == {0: 2.0, 1: 3.0}  # of 50 steps: at 20
    assert values(read_measurements(results), parse("psnr@41%"), "a") == {0: 3.0, 1: 4.0}
    assert compare(read_measurements(results), parse("psnr@100%"), "a", "b").these.n == 1


def test_few_seeds_are_screening_and_say_why() -> None:
    note = hypothesis_table(analyse(made_results(_scores(1, 1, seeds=3), [hypothesis("psnr")]))).notes[-1]
    assert note.startswith("Screening only: 3 seeds. The smallest p that a sign-flip test can give is 2^(1−3) = 0.25")
    assert "Screening" not in hypothesis_table(analyse(made_results(_scores(1, 1), [hypothesis("psnr")]))).notes[-1]


def test_more_seeds_are_counted_beyond_those_that_are_there() -> None:
    scores = {"a": {0: [20.0], 1: [22.0], 2: [21.0]}, "b": {s: [20.0] for s in range(3)}}
    (answer,) = analyse(made_results(scores, [hypothesis("psnr")])).answers  # one photograph: these images only
    assert answer.comparison.new == NOTHING
    assert answer.seeds_needed is not None
    assert answer.still_needed == f"{answer.seeds_needed - 3} more seeds"


def test_a_claim_is_the_conjunction_of_its_hypotheses() -> None:
    good, bad, none = hypothesis("psnr"), hypothesis("psnr", "a", "<"), hypothesis("lpips")

    def verdict(*asked: dict[str, object]) -> str:
        return analyse(made_results(_scores(1, 1), list(asked))).verdict

    assert verdict(good, good) == "supported"
    assert verdict(good, none) == "inconclusive"
    assert verdict(good, none, bad) == "refuted"
    assert verdict() == "no hypothesis"


def test_the_frame_has_every_answer_in_full_precision() -> None:
    results = made_results(_scores(1.1, 0.9), [hypothesis("psnr"), hypothesis("macs")])
    first, second = analyse(results).hypotheses.to_dict("records")
    (answer, _) = analyse(results).answers
    assert (first["these_estimate"], first["new_low"]) == (answer.comparison.these.mean, answer.comparison.new.low)
    assert (first["n"], first["photographs"], first["p_holm"]) == (6, 2, answer.p_holm)
    assert (second["comparison"], second["these_estimate"], second["verdict"]) == ("ratio, exact", 1.0, "refuted")


def test_what_a_study_may_ask_is_what_a_report_can_answer() -> None:
    assert {column.key for column in COSTS} == set(studies.COSTS)
    for key in ("beauty", "steps_to_beauty", "beauty@25%"):
        with pytest.raises(ValueError, match="is not a quantity"):
            parse(key)
    assert parse("seconds_to_psnr").column.title == "seconds to PSNR"
    assert parse("psnr@25%").column.heading == "PSNR at 25% (dB) ↑"


@pytest.mark.parametrize(
    ("early", "needed"), [(22.0, "at least 1 more seed"), (20.0, "more than 1,000 seeds")]
)  # 30 steps against 10; a tie
def test_a_unanimous_sign_test_says_how_many_seeds_holm_asks_for(early: float, needed: str) -> None:
    values = {"a": {s: [20.0, 21.0, 22.0] for s in range(6)}, "b": {s: [early, 21.0, 22.0] for s in range(6)}}
    scores: Scores = {"a": {s: [22.0, 22.0] for s in range(6)}, "b": {s: [22.0 + s, 22.0] for s in range(6)}}
    asked = [hypothesis("steps_to_psnr", relation="<"), hypothesis("psnr", relation=">")]
    found = analyse(made_results(scores, asked, curve(values))).answers[0]
    assert found.fewest == 7  # 2 * 2^(1 - 6) is 0.0625
    assert (found.verdict, found.still_needed) == ("inconclusive", needed)


def test_two_variants_with_the_same_outputs_have_no_verdict() -> None:
    same: Scores = {label: {s: [20.0 + s, 21.0] for s in range(6)} for label in "ab"}
    asked = [hypothesis("psnr", relation="=", margin=2), hypothesis("psnr")]
    results = made_results(same, asked)
    for answer in analyse(results).answers:
        assert (answer.verdict, answer.still_needed) == ("inconclusive", "—")
        assert answer.verdict_in_words == "inconclusive (the same outputs)"
    assert any(note.startswith("The same outputs") for note in hypothesis_table(analyse(results)).notes)
    same["b"][5] = [25.01, 21.0]
    assert analyse(made_results(same, asked)).answers[0].verdict == "supported"


def test_a_verdict_of_few_seeds_says_so() -> None:
    (answer,) = analyse(made_results(_scores(1.01, 0.99, seeds=5), [hypothesis("psnr")])).answers
    assert (answer.verdict, answer.verdict_in_words) == ("supported", "supported (screening)")


def test_a_seed_whose_scores_are_all_nan_counts_as_the_worst_too() -> None:
    scores = _scores(1, 1)
    scores["b"][5] = [math.nan, math.nan]
    (answer,) = analyse(made_results(scores, [hypothesis("psnr")])).answers
    assert answer.comparison.these == paired_median([21 + j for j in JITTER], [20.0] * 5 + [-math.inf])
