"""Runs without a good end, what happened on the way, and means over runs that were not made alike."""

from __future__ import annotations

import pytest
from made import PSNR, made_results

from bench.errors import ADVICE, FAULT_WORDS
from bench.report.analysis.analysis import analyse
from bench.report.analysis.frames import Results
from bench.report.page.reproduce import environment_table
from bench.report.tables.failures import events_table, failures_table, mark, mark_note
from bench.report.tables.variants import score_table


@pytest.fixture
def results() -> Results:
    return made_results(PSNR, [], trained_on={"a": 6, "b": 6, "free": 6})


def test_every_fault_has_words_and_advice() -> None:
    assert FAULT_WORDS.keys() == ADVICE.keys()


def test_each_failure_says_what_to_do(results: Results) -> None:
    failed = next(run for run in results.runs if run["state"] == "done")
    failed |= {"state": "failed", "outcome": {"state": "failed", "reason": "disk full: x", "fault": "disk_full"}}
    table = failures_table(analyse(results))
    assert table is not None
    by_state = {row[3]: row for row in table.rows}
    assert by_state["failed"][4:] == ["disk full: x", ADVICE["disk_full"]]
    assert by_state["diverged"][4] == "g_adversarial became nan at step 7"
    assert "lower the learning rate" in by_state["diverged"][5]


def test_what_happened_is_counted_a_kind_a_row(results: Results) -> None:
    assert events_table(analyse(results)) is None
    results.runs[0]["events"] = [
        {"what": "taken over", "text": "from process 1 on x"},
        {"what": "damaged", "text": "curve.csv is gone"},
        {"what": "taken over", "text": "from process 2 on y"},
    ]
    table = events_table(analyse(results))
    assert table is not None
    assert [row[3:] for row in table.rows] == [
        ["taken over", "2", "from process 2 on y"],
        ["damaged", "1", "curve.csv is gone"],
    ]


def test_a_mean_over_runs_that_were_not_made_alike_is_marked(results: Results) -> None:
    assert mark_note(analyse(results)) is None
    assert "†" not in str(score_table(analyse(results)))
    other = results.runs_of("a")[1]
    other["run"] = other["run"] | {"provenance": other["run"]["provenance"] | {"device": "GPU y", "cuda": "13"}}
    assert (mark(analyse(results), "a"), mark(analyse(results), "b")) == (" †", "")
    table = score_table(analyse(results))
    assert [row[1] for row in table.rows if row[0].startswith("a")] == ["3/3 †"]
    assert any(note.startswith("† marks a mean over runs") and "GPU y" in note for note in table.notes)


def test_variants_of_different_makes_are_said(results: Results) -> None:
    for run in results.runs_of("b"):
        run["run"] = run["run"] | {"provenance": run["run"]["provenance"] | {"torch": "3"}}
    assert mark(analyse(results), "b") == ""
    assert (mark_note(analyse(results)) or "").startswith(
        "The variants come from runs with different software or devices"
    )


def test_commands_do_not_part_what_was_made_alike(results: Results) -> None:
    for index, run in enumerate(results.runs):
        if run["run"]:
            provenance = run["run"]["provenance"] | {"command": f"bench run {index % 2}.yaml"}
            run["run"] = run["run"] | {"provenance": provenance}
    table = environment_table(analyse(results))
    assert len(table.headings) == 2
    assert sorted(table.rows[-1][1].split("\n")) == ["bench run 0.yaml", "bench run 1.yaml"]
