"""Quality against cost: the front by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made import Scores, made_results

from bench.report.analysis.analysis import analyse
from bench.report.analysis.frames import Results
from bench.report.figures.pareto import draw_pareto

SCORES: Scores = {  # PSNR: higher is better
    "a": {0: [20.0], 1: [22.0]},  # 21 for 1200 parameters
    "b": {0: [19.0], 1: [19.0]},  # 19 for 800
    "c": {0: [18.0], 1: [18.0]},  # 18 for 900: b is better and smaller
    "free": {0: [15.0]},  # 15 for nothing
}


@pytest.fixture
def results() -> Results:
    made = made_results(SCORES, [])
    for run in made.runs:
        run["cost"]["parameters_generator"] = {"a": 1200, "b": 800, "c": 900, "free": 0}[run["label"]]
    return made


def test_the_front_is_what_no_other_beats(results: Results) -> None:
    frame = analyse(results).pareto
    rows = frame[frame["cost"] == "parameters_generator"].set_index("label")
    assert rows["quality"].to_dict() == {"a": 21.0, "b": 19.0, "c": 18.0, "free": 15.0}
    assert rows["price"].to_dict() == {"a": 1200.0, "b": 800.0, "c": 900.0, "free": 0.0}
    assert rows["on_front"].to_dict() == {"a": True, "b": True, "c": False, "free": True}


def test_of_a_rate_more_is_cheaper(results: Results) -> None:
    rows = analyse(results).pareto.query("cost == 'inference_images_per_second'").set_index("label")
    assert rows["on_front"].to_dict() == {"a": True, "b": False, "c": True, "free": False}


def test_a_cost_that_is_the_same_for_all_makes_no_picture(results: Results) -> None:
    assert "flops" not in set(analyse(results).pareto["cost"])
    few = replace(results, study=results.study | {"variants": results.study["variants"][:2]})
    assert analyse(few).pareto.empty


def test_the_same_frame_gives_the_same_bytes(results: Results, tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        draw_pareto(analyse(results).pareto, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
