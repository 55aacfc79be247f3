"""Which pictures a page shows: the rules by hand, and what is written and read again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import made_results
from pages import SIDE, rich_results, store_with_pictures
from PIL import Image

from bench.errors import InputError
from bench.report.analysis.analysis import analyse
from bench.report.page.picture_choice import brightness, choose_pictures, saturation
from bench.report.page.pictures import FOLDER, read_pictures, write_pictures
from bench.report.write import write_report


def test_images_are_ranked_by_the_paired_difference_from_the_first_other_method() -> None:
    scores = {"a": {0: [20.0, 22.0, 21.0], 1: [21.0, 23.0, 25.0]}, "b": {0: [19.0, 24.0, 21.0]}}
    ranking = analyse(made_results(scores, [])).ranking
    assert (ranking.metric, ranking.label) == ("psnr", "b")
    frame = ranking.differences  # of seed 0 alone, which both have
    assert frame.to_numpy().tolist() == [["p1@1x[0,0]", -2.0], ["p2@1x[0,0]", 0.0], ["p0@1x[0,0]", 1.0]]
    free = made_results({"a": {0: [20.0], 1: [21.0]}, "free": {0: [18.0]}}, [])
    assert analyse(free).ranking.differences["difference"].tolist() == [2.5]
    assert analyse(made_results({"a": {0: [20.0]}}, [])).ranking.differences.empty


def test_percentiles_then_the_brightest_and_the_palest_each_picture_once() -> None:
    names = [f"i{place}" for place in range(21)]
    ranked = pd.DataFrame({"image": [*names, "not kept"], "difference": [*range(21), 99.0]})
    targets = np.zeros((21, 2, 2, 3), np.uint8)
    targets[:, ..., 0] = 200
    targets[7] = 255  # white: the brightest and the least saturated
    rows = choose_pictures(ranked, names, targets)
    assert rows[["image", "place", "why", "difference"]].to_numpy().tolist() == [
        ["i1", 1, "5th percentile", 1.0],
        ["i10", 10, "50th percentile", 10.0],
        ["i19", 19, "95th percentile", 19.0],
        ["i7", 7, "the brightest ground truth; the least saturated ground truth", 7.0],
    ]
    assert brightness(targets[:1]).tolist() == [200 / 255 * 0.2126]
    assert saturation(targets[[0, 7]]).tolist() == [1.0, 0.0]


def test_pictures_lie_beside_the_page_with_their_scores(tmp_path: Path) -> None:
    results = rich_results()
    store = store_with_pictures(results, tmp_path / "runs")
    write_pictures(analyse(results), tmp_path, store)
    found = read_pictures(analyse(results), tmp_path)
    assert found is not None
    assert [picture.label for picture in found.rows[0].pictures] == ["input", "a", "b", "c", "free", "ground truth"]
    first = found.rows[0].pictures[1]
    place = int(found.rows[0].image[1])
    assert (first.seed, first.grid, first.scores) == (0, 2, [f"PSNR {20 + 0.5 * place:.2f} dB"])
    with Image.open(tmp_path / FOLDER / first.file) as image:
        assert image.size == (SIDE, SIDE)
        assert image.getpixel((SIDE - 1, 0)) == (15 * place,) * 3
    assert "first 8 crops" in found.rule
    files = {picture.file for row in found.rows for picture in row.pictures} | {"pictures.json"}
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == files


def test_pictures_of_other_runs_are_not_shown_and_no_store_leaves_none(tmp_path: Path) -> None:
    results = rich_results()
    write_pictures(analyse(results), tmp_path, store_with_pictures(results, tmp_path / "runs"))
    others = replace(results, runs=[run | {"id": f"other{run['id']}"} for run in results.runs])
    assert read_pictures(analyse(others), tmp_path) is None
    assert json.loads((tmp_path / FOLDER / "pictures.json").read_text())["runs"][0] == "a0"
    write_pictures(analyse(results), tmp_path, None)
    assert not (tmp_path / FOLDER).exists()


def test_scores_are_those_of_the_records_and_a_lost_picture_is_said(tmp_path: Path) -> None:
    results = rich_results()
    write_pictures(analyse(results), tmp_path, store_with_pictures(results, tmp_path / "runs"))
    written, path = read_pictures(analyse(results), tmp_path), tmp_path / FOLDER / "pictures.json"
    path.write_text(path.read_text().replace("PSNR 2", "PSNR 9").replace("difference +", "difference −"))
    assert read_pictures(analyse(results), tmp_path) == written
    assert written is not None
    (tmp_path / FOLDER / written.rows[0].pictures[1].file).unlink()
    with pytest.raises(InputError, match=r"the picture 0-1\.png is missing"):
        read_pictures(analyse(results), tmp_path)


def test_without_pictures_an_archives_report_loses_those_it_had(tmp_path: Path) -> None:
    results = rich_results()
    write_report(analyse(results), tmp_path / "r", store_with_pictures(results, tmp_path / "runs"))
    assert (tmp_path / "r" / FOLDER).exists()
    write_report(analyse(results), tmp_path / "r", None)
    assert (tmp_path / "r" / FOLDER).exists()
    write_report(analyse(results), tmp_path / "r", None, samples=False)
    assert not (tmp_path / "r" / FOLDER).exists()
    assert not (tmp_path / "r" / "figures" / "samples.png").exists()
