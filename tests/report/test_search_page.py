"""The page of a search: its analysis, checked by hand, its escaped text, and the archive that reproduces it."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made import CLEAN, CONTROL
from rich.console import Console

from bench.report.analysis.archive import TRIALS
from bench.report.overview import write_overview
from bench.report.search.analysis import analyse_search
from bench.report.search.confirmation import Confirmation, ConfirmedQuantity
from bench.report.search.page import PICTURES
from bench.report.search.results import Outcome, SearchResults, Trial, load_search_results, search_text
from bench.report.search.terminal import print_search
from bench.report.search.write import check_search, search_texts, write_search

START = "schedule=linear/loss.l1.start"
CONFIRMED = Confirmation(
    [ConfirmedQuantity("psnr", "default", 17.0, 18.25, estimate_fresh="+0.40 [−0.10, +0.90]", verdict="inconclusive")]
)


def _trial(number: int, outcome: Outcome, values: list[float] | None = None, **more: Any) -> Trial:
    params = {"generator.width": 8 * (number + 1), "norm": "batch"} | more.pop("params", {})
    made = {"costs": {"macs": 2e6 * (number + 1)}, "curve": [], "runs": [f"r{number}"], "seconds": 10.0}
    made |= {"work_seconds": 9.0, "reason": ""} | more
    return Trial(number, outcome, params, {"generator.width": params["generator.width"]}, values, **made)


def _results(trials: list[Trial], default: list[float] | None, *, winner: int | None, **search: Any) -> SearchResults:
    base = {
        "name": "s", "title": "a search", "question": "which?", "path": "s.yaml", "scale": "tiny",
        "command": "bench search s.yaml --scale tiny --data p", "storage": "s-1", "sampler": "tpe", "pruner": "median",
        "trials": 5, "timeout": None, "seeds": [0], "fresh_seeds": [1000, 1001],
        "space": {"generator.width": "8 to 80, logarithmic", "norm": "batch, none", START: "1 to 9"},
        "objectives": [{"quantity": "psnr", "direction": "higher"}],
        "constraints": [{"quantity": "macs", "relation": "<=", "bound": 5.25e6}],
        "control": CONTROL | {"data": {"name": "photos", "image_size": 64}},
        "data": {"name": "photos", "fingerprint": "f" * 16, "train_photographs": 6, "val_photographs": 3,
                 "split_rule": "fixed"} | CLEAN,
        "winner_is_default": False, "winner_rule": "", "folder": "reports/s",
    }  # fmt: skip
    reference = {"values": default, "costs": {"macs": 4e6}, "runs": ["d0"]}
    return SearchResults(base | search, trials, reference, winner=winner)


@pytest.fixture
def pruning() -> SearchResults:
    """Trial 3 wins; 1 was pruned at a score above all, 2 diverged, 5 has no start value."""
    trials = [
        _trial(0, "complete", [17.5], curve=[(1, 16.0), (2, 17.5)]),
        _trial(1, "pruned", curve=[(1, 18.5)], seconds=5.0, work_seconds=4.5),
        _trial(2, "diverged", curve=[(1, math.nan)], reason="nan at step 7"),
        _trial(3, "complete", [18.25], curve=[(1, 17.0), (2, 18.25)], params={START: 2.5}),
        _trial(4, "infeasible", reason="MACs"),
        _trial(5, "complete", [16.0], params={"norm": None}),
        _trial(6, "lost", reason="worker died"),
    ]
    return replace(_results(trials, [17.0], winner=3), importances={"psnr": {"norm": 0.25, "generator.width": 0.75}})


@pytest.fixture
def two() -> SearchResults:
    """Two objectives. Of (PSNR, MACs), 0 has (2, 4M), 1 (19, 2M); 2 (18, 3M) is dominated by 1, 3 (2, 5M) by 0."""
    values = [[20.0, 4e6], [19.0, 2e6], [18.0, 3e6], [20.0, 5e6]]
    both = [{"quantity": "psnr", "direction": "higher"}, {"quantity": "macs", "direction": "lower"}]
    trials = [_trial(i, "complete", pair) for i, pair in enumerate(values)]
    return _results(trials, [18.5, 1e6], winner=0, objectives=both)


def test_the_best_so_far_is_of_complete_trials(pruning: SearchResults) -> None:
    frame = analyse_search(pruning).history
    assert frame[["number", "outcome", "value", "best", "default"]].to_numpy().tolist() == [
        [0, "complete", 17.5, 17.5, 17.0],
        [1, "pruned", 18.5, 17.5, 17.0],
        [3, "complete", 18.25, 18.25, 17.0],
        [5, "complete", 16.0, 18.25, 17.0],
    ]
    lower = replace(pruning, search=pruning.search | {"objectives": [{"quantity": "psnr", "direction": "lower"}]})
    assert analyse_search(lower).history["best"].tolist() == [17.5, 17.5, 17.5, 16.0]
    assert [trial.number for trial in analyse_search(pruning).ranking] == [3, 0, 5]
    assert [trial.number for trial in analyse_search(lower).ranking] == [5, 0, 3]


def test_a_trial_that_no_other_dominates_is_on_the_front(two: SearchResults, pruning: SearchResults) -> None:
    assert analyse_search(two).front.to_numpy().tolist() == [
        [0, 20.0, 4.0, True],
        [1, 19.0, 2.0, True],
        [2, 18.0, 3.0, False],
        [3, 20.0, 5.0, False],
        [-1, 18.5, 1.0, True],
    ]
    assert [trial.number for trial in analyse_search(two).ranking] == [0, 1]
    without_default = replace(two, default=two.default | {"values": None})
    assert analyse_search(without_default).front["number"].tolist() == [0, 1, 2, 3]
    assert analyse_search(pruning).front.empty


def test_three_objectives_dominate_together(two: SearchResults) -> None:
    three = [*two.search["objectives"], {"quantity": "st_lpips", "direction": "lower"}]
    values = [[20.0, 4e6, 0.3], [20.0, 4e6, 0.4], [18.0, 9e6, 0.2]]
    trials = [_trial(i, "complete", each) for i, each in enumerate(values)]
    results = _results(trials, None, winner=0, objectives=three)
    assert analyse_search(results).front["on_front"].tolist() == [True, False, True]


def test_frames_know_what_some_trials_lack(pruning: SearchResults) -> None:
    analysis = analyse_search(pruning)
    rows = analysis.slices
    assert rows[rows["param"] == START][["value", "objective_value", "number"]].to_numpy().tolist() == [[2.5, 18.25, 3]]
    assert rows[rows["param"] == "norm"]["value"].tolist() == ["batch", "batch", "null"]
    assert analysis.importances["param"].tolist() == ["generator.width", "norm"]
    frame = analysis.trials
    assert frame["validations"].fillna(-1).tolist() == [2, 1, 1, 2, -1, -1, -1]
    assert frame["macs"].tolist() == [2_000_000 * (number + 1) for number in range(7)]


def test_the_page_answers_the_search(pruning: SearchResults, tmp_path: Path) -> None:
    (tmp_path / "best.yaml").touch()
    analysis = analyse_search(pruning, CONFIRMED)
    text = search_texts(analysis, tmp_path)["report.md"]
    assert "7 trials: 3 complete, 1 pruned, 1 diverged, 1 infeasible, 1 lost and queued again." in text
    assert "The winner, trial 3, reaches PSNR 18.25 dB against the default's 17.00 dB (+1.25)," in text
    assert "| PSNR (dB) ↑ | default | 17.00 | 18.25 | +1.25 | +0.40 \\[−0.10, +0.90\\] | inconclusive |" in text
    assert "| 3 (winner) | 18.25<br>+1.25 | 8.0<br>×2.00 | generator.width=32 | r3 |" in text
    assert "Constraint: MACs ≤ 5.25 M." in text
    assert "| pruned | 1 | after validation 1 (1) |" in text
    assert "The harness took 10.00% of 35.0 seconds, summed over n = 4 " in text  # 9 + 9 + 9 + 4.5 of 35
    assert "bench run reports/s/best.yaml --scale tiny --data p\n" in text
    assert "best/report.md" not in text
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "report.md").touch()
    assert "](best/report.md)" in search_texts(analysis, tmp_path)["report.md"]


def test_an_archive_gives_the_same_text_and_an_edit_is_found(pruning: SearchResults, tmp_path: Path) -> None:
    (tmp_path / TRIALS).write_text(search_text(pruning))
    again = load_search_results(tmp_path)
    write_search(again, tmp_path, CONFIRMED)
    texts = [search_texts(analyse_search(results, CONFIRMED), tmp_path) for results in (again, pruning)]
    assert texts[0] == texts[1]
    assert check_search(pruning, tmp_path, CONFIRMED) == []
    (tmp_path / "trials.csv").write_text("number\n")
    (tmp_path / "report.md").unlink()
    assert check_search(pruning, tmp_path, CONFIRMED) == ["report.md", "trials.csv"]
    assert check_search(pruning, tmp_path, None) == ["report.md", "trials.csv", "trials.tex"]


def test_pictures_are_drawn_of_what_there_is(pruning: SearchResults, two: SearchResults, tmp_path: Path) -> None:
    write_search(two, tmp_path / "one", None)
    assert _pictures(tmp_path / "one") == ["history.png", "pareto.png", "slices.png"]
    write_search(pruning, tmp_path / "one", None)  # those of other trials go
    assert _pictures(tmp_path / "one") == ["curves.png", "history.png", "importances.png", "slices.png"]
    write_search(pruning, tmp_path / "two", None)
    for name in (f"figures/{each}" for each in _pictures(tmp_path / "one")):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    text = (tmp_path / "one" / "report.md").read_text()
    assert [name for name in PICTURES if f"figures/{name}" in text] == [n for n in PICTURES if n != "pareto.png"]


def _pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "figures").glob("*.png"))


@pytest.mark.parametrize("default", [None, [math.nan], [math.inf]])
def test_nothing_complete_is_a_page_too(default: list[float] | None, tmp_path: Path) -> None:
    failed = _trial(0, "failed", reason="\n".join(["Traceback", "x" * 500]), costs={}, seconds=0.0)
    results = _results([failed], default, winner=None)
    write_search(results, tmp_path, None)
    text = (tmp_path / "report.md").read_text()
    assert "1 trial: 0 complete, 1 failed. So there is no winner." in text
    assert "| failed | 1 | Traceback … (1) |" in text
    assert "The harness" not in text
    assert _pictures(tmp_path) == []
    print_search(results, tmp_path, Console(width=80))
    write_search(_results([_trial(0, "complete", [17.0])], default, winner=0), tmp_path, None)
    assert "reaches PSNR 17.00 dB, on the search's own seeds" in (tmp_path / "report.md").read_text()
    assert _pictures(tmp_path) == ["history.png", "slices.png"]


def test_strange_names_are_shown_as_they_are(pruning: SearchResults, tmp_path: Path) -> None:
    odd = "<script>|$x$`"
    trials = [replace(t, params={odd: odd}, changes={odd: odd}, reason=odd) for t in pruning.trials]
    search = pruning.search | {"title": odd, "question": odd, "space": {odd: odd}, "storage": odd, "command": "```"}
    search |= {"sampler": odd}
    results = replace(pruning, search=search, trials=trials, importances={"psnr": {odd: 1.0}})
    write_search(results, tmp_path, None)
    text = (tmp_path / "report.md").read_text()
    assert "<script>" not in text
    assert text.count(r"| &lt;script&gt;\|\$x\$\` |") >= 2
    assert "````\n```\n````" in text
    assert r"$<$script$>$|\$x\$`" in (tmp_path / "trials.tex").read_text()


def test_the_page_of_all_reports_lists_searches_with_their_answer(pruning: SearchResults, tmp_path: Path) -> None:
    named = replace(pruning, search=pruning.search | {"title": "<i>a search</i>"})
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / TRIALS).write_text(search_text(named))
    write_overview(tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert '<a href="s/report.md">&lt;i&gt;a search&lt;/i&gt;</a>' in text
    assert "The winner, trial 3, reaches PSNR 18.25 dB against the default&#39;s 17.00 dB (+1.25)" in text
    assert "not confirmed" in text
    assert not (tmp_path / "claims.md").exists()  # no study, no claims


def test_the_terminal_shows_the_best_in_80_columns(pruning: SearchResults, tmp_path: Path) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    print_search(pruning, tmp_path, console)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert "7 trials: 3 complete, 1 pruned, 1 diverged, 1 infeasible, 1 lost and queued again." in " ".join(
        map(str.strip, lines)
    )
    assert "winner, trial 3: PSNR (dB) ↑ 18.25, default 17.00 (+1.25)" in lines
    assert "  generator.width = 32" in lines
