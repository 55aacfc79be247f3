"""No name from outside leads out of its folder: names of studies, variants, images, data, and those in archives."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from harness import ROOT, Bench, WriteStudy, small_study
from PIL import Image

SMALL = ("--scale", "tiny", "--workers", "1", "train.steps=4", "train.pretrain_steps=1")
BAD_NAMES = ["..yaml", "...yaml", ".yaml", ".hidden.yaml", "speed.yaml", "claims.md.yaml", "index.html.yaml",
             "a\nb.yaml", "a\x1b[31m.yaml", "\u202ex.yaml", "é" * 61 + ".yaml", os.fsdecode(b"\xff.yaml")]  # fmt: skip


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_study_or_search_by_this_name_is_refused(
    bench: Bench, write_study: WriteStudy, tmp_path: Path, name: str
) -> None:
    search = (ROOT / "ablations/search/learning_rates.yaml").read_text()
    for command, content in (("plan", write_study().read_text()), ("run", None), ("search", search)):
        if content:
            (tmp_path / name).write_text(content)
        before = _files(tmp_path)
        done = bench(command, name, "--scale", "tiny")
        assert done.returncode == 2, done.stderr
        assert "its report would be called" in done.stderr
        assert done.stderr.count("\n") == 1
        assert _files(tmp_path) == before


def test_names_that_look_like_paths_stay_below_runs_and_reports(bench: Bench, tmp_path: Path) -> None:
    """Of the file, of an axis, of variants, of metrics' records, of images and of the data's folder."""
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "in ner 'é`$(x)"
    inner.mkdir(parents=True)
    pictures = inner / "..%2f.. `<b>"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    names = ["CON.png", "..%2f..%2fup.png", "a\nb.png", "<img src=x>.png", "x" * 200 + ".png", os.fsdecode(b"\xff.png"),
             "é💥.png", "@2x[0,0].png", "--help.png", "=1+1.png", "\x1b[31m.png", "|`*.png"]  # fmt: skip
    for name in names:
        Image.fromarray(rng.integers(0, 255, (80, 80, 3), np.uint8)).save(pictures / name)
    axes = {"../../up": {"/etc/passwd": {}, "../..": {"train.d_steps": 1}, "CON": {"train.d_steps": 3}}}
    study = small_study(inner, "up%2f..%2f..", axes=axes, control={"../../up": "/etc/passwd"})
    done = bench("run", study, *SMALL, "--data", pictures, "--runs", inner / "runs", "--reports", inner / "reports")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in outer.iterdir()} == {inner.name}
    assert {path.name for path in inner.iterdir()} == {"runs", "reports", pictures.name, study.name}
    assert {path.name for path in pictures.iterdir()} == set(names)
    report = inner / "reports" / study.stem
    assert all(path.name.isascii() for path in report.rglob("*"))
    assert bench("report", "--check", "--reports", inner / "reports").returncode == 0


def _archive(tmp_path: Path) -> Path:
    folder = tmp_path / "reports" / "pooling"
    shutil.copytree(ROOT / "reports" / "pooling", folder)
    return folder


def test_a_crafted_archive_leads_nowhere(bench: Bench, tmp_path: Path) -> None:
    folder = _archive(tmp_path)
    content = json.loads((folder / "study.json").read_text())
    content["study"]["name"] = "../../../../etc"
    for place, run in enumerate(content["runs"]):
        run["id"] = f"../../etc{place}"
    (folder / "study.json").write_text(json.dumps(content))
    done = bench("report")
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"reports"}
    for page in ("index.html", "claims.md"):
        assert "../etc" not in (tmp_path / "reports" / page).read_text().replace("runs/../../etc", "")


@pytest.mark.parametrize("name", ["../index.html", "/etc/passwd", "..", "a/b.png"])
def test_a_picture_of_a_page_lies_beside_it(bench: Bench, tmp_path: Path, name: str) -> None:
    folder = _archive(tmp_path)
    path = folder / "figures" / "pictures" / "pictures.json"
    content = json.loads(path.read_text())
    content["rows"][0]["pictures"][0]["file"] = name
    path.write_text(json.dumps(content))
    done = bench("report", "--check")
    assert done.returncode == 2
    assert "is missing" in done.stderr


@pytest.mark.parametrize("below", ["figures", "figures/pictures"])
def test_figures_that_are_a_link_are_not_written_through(bench: Bench, tmp_path: Path, below: str) -> None:
    folder, elsewhere = _archive(tmp_path), tmp_path / "elsewhere"
    shutil.rmtree(folder / below)
    (elsewhere / "pictures").mkdir(parents=True)
    for kept in ("mine.svg", "curves.png", "pictures/mine.png"):
        (elsewhere / kept).write_text("mine")
    (folder / below).symlink_to(elsewhere, target_is_directory=True)
    before = {path: path.read_text() for path in elsewhere.rglob("*") if path.is_file()}
    done = bench("report", "--no-pictures")
    assert done.returncode == 2
    assert "is a link" in done.stderr
    assert {path: path.read_text() for path in elsewhere.rglob("*") if path.is_file()} == before
