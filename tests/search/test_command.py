"""`bench search` from the command line, and the pages it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT, Bench
from searches import WriteSearch

TINY = ("--scale", "tiny")
SEARCHES = sorted((ROOT / "ablations" / "search").glob("*.yaml"))


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)
def test_every_shipped_search_answers_at_tiny_and_a_second_time_trains_nothing(
    bench: Bench, tmp_path: Path, path: Path
) -> None:
    command = ("search", path, *TINY, "--workers", "1")
    first = bench(*command)
    assert (first.returncode, first.stderr) == (0, "")
    folder = tmp_path / "reports" / path.stem
    for name in (
        "report.md",
        "trials.csv",
        "trials.tex",
        "figures/history.png",
        "figures/slices.png",
        "best/report.md",
    ):
        assert (folder / name).stat().st_size > 0
    page = (folder / "report.md").read_text()
    assert "## The winner against the default: in the search, and with fresh seeds" in page
    archive = json.loads((folder / "search.json").read_text())
    assert sum(trial["outcome"] in ("complete", "pruned") for trial in archive["trials"]) == 4
    reports = _files(tmp_path / "reports")

    second = bench(*command)
    assert second.returncode == 0
    assert second.stdout.count(", 0 to do") == 2  # the default's and the comparison's
    assert _files(tmp_path / "reports") == reports  # the same store gives the same bytes

    if path != SEARCHES[0]:
        return  # what follows is the same for all
    assert bench("report", "--check").returncode == 0
    assert bench("report", path, *TINY).returncode == 0  # from the storage
    assert bench("report", path, *TINY, "--runs", "nowhere").returncode == 0  # from the archives
    assert _files(tmp_path / "reports") == reports
    (folder / "report.md").write_text(page.replace("winner", "loser"))
    stale = bench("report", "--check")
    assert (stale.returncode, stale.stderr.count("report.md differs from what its records give")) == (1, 1)

    again = bench("run", folder / "best.yaml", *TINY, "--workers", "1", "--reports", folder)
    assert again.returncode == 0
    assert ", 0 to do" in again.stdout


def test_more_trials_go_on_from_those_that_are_there(bench: Bench, write_search: WriteSearch, tmp_path: Path) -> None:
    path = write_search(trials=1)
    for trials in ("1", "2"):
        assert bench("search", path, *TINY, "--workers", "1", "--no-confirm", "--trials", trials).returncode == 0
        archive = json.loads((tmp_path / "reports" / "search" / "search.json").read_text())
        assert len(archive["trials"]) == int(trials)
    assert not (tmp_path / "reports" / "search" / "best").exists()


def test_a_failed_trial_is_reported_and_the_others_are_done(
    bench: Bench, write_search: WriteSearch, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("def Broken(*_):\n    raise RuntimeError('no such thing')\n")
    space = {"method": ["gan", "broken:Broken"]}
    result = bench("search", write_search(space=space, sampler="grid", trials=2), *TINY, "--workers", "1")
    assert result.returncode == 1
    assert "failed trial" in result.stdout
    assert not (tmp_path / "reports" / "search" / "best.yaml").exists()  # the trial that is left is the default
    assert "RuntimeError: no such thing" in (tmp_path / "reports" / "search" / "report.md").read_text()
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confirm": {"metrics": ["psnr_hole"]}}, "psnr_hole needs a task with a hole"),
        ({"confirm": {"baselines": ["iizuka2017"]}}, "iizuka2017 does inpainting, not colorization"),
        ({"confirm": {"baselines": ["gan"]}}, "gan is a variant already"),
        ({"confirm": {"baselines": ["gray", "gray"]}}, "'gray' is given twice"),
        ({"space": {"train.images": [8, 16]}}, "also changes train.steps"),
    ],
)
def test_an_invalid_final_comparison_is_reported_before_any_trial(
    bench: Bench, write_search: WriteSearch, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = write_search(**changes)
    result = bench("search", path, *TINY)
    assert result.returncode == 2
    assert f"{path}:" in result.stderr
    assert message in result.stderr
    assert not (tmp_path / "reports").exists()


def test_constraints_that_leave_no_trial_are_reported(bench: Bench, write_search: WriteSearch) -> None:
    result = bench("search", write_search(constraints={"parameters": "<= 10"}), *TINY, "--workers", "1")
    assert result.returncode == 1
    assert "0 of 3 trials were trained: 200 proposals broke a constraint" in result.stderr


def test_one_worker_measures_speed_undisturbed(bench: Bench, write_search: WriteSearch) -> None:
    path = write_search(constraints={"images_per_second": ">= 1"})
    assert "inference_images_per_second is measured" in bench("search", path, *TINY, "--workers", "2").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--storage", "search.db"), "this looks like a SQLite file; write sqlite:///search.db"),
        (("--storage", "nodb://x"), "--storage nodb://x: cannot be opened"),
        (("--storage", "mysql://u:secret@127.0.0.1/x"), "its driver is not installed"),
        (("--storage", "postgresql+psycopg://u:secret@127.0.0.1:9/x"), "u:...@127.0.0.1:9/x: cannot be opened"),
        (("--storage", "."), "not a journal that can be read and written"),
        (("--device", "gpu"), "--device gpu: unknown"),
        (("train.learning_rate=1",), "is in the space of"),
    ],
)
def test_bad_input_writes_nothing(
    bench: Bench, write_search: WriteSearch, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = bench("search", write_search(), *TINY, *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "secret" not in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "reports").exists()


def test_an_objective_that_cannot_be_computed_is_reported_before_any_trial(
    bench: Bench, write_search: WriteSearch
) -> None:
    result = bench("search", write_search(objectives="lpips"), *TINY)
    assert result.returncode == 2
    assert "objectives.lpips: cannot be computed here" in result.stderr


def test_one_file_of_the_right_kind(bench: Bench, write_search: WriteSearch) -> None:
    study = ROOT / "ablations" / "pooling.yaml"
    assert "give one search at a time, not 2" in bench("search", write_search(), write_search("other")).stderr
    assert "this is a study; run it with bench run" in bench("search", study).stderr
    assert "this is a search; give it to bench search" in bench("run", write_search()).stderr
    assert "neither a storage nor" in bench("report", write_search(), *TINY).stderr
