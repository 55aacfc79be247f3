"""A report is not replaced by one of another study or search of the same name."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import ROOT, Bench, small_study

from bench.errors import InputError
from bench.report.analysis.frames import describe
from bench.report.ownership import check_free, check_study
from bench.study.load import load_study

SMALL = ("--scale", "tiny", "train.steps=4", "train.pretrain_steps=1")
SEARCH = {"title": "a search", "question": "which?", "space": {"loss.l1": "1 to 9"}, "objectives": ["psnr"]}
DEPTHS = {"axes": {"generator.depth": [1, 2]}, "control": {"generator.depth": 1}}
HYPOTHESIS = {"hypotheses": [{"psnr": "strided_conv > max_pool"}]}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _study(path: Path, scale: Any = "tiny", *overrides: str, **changes: object) -> Any:
    path.parent.mkdir(exist_ok=True)
    return load_study(small_study(path.parent, path.stem, **changes), scale, None, overrides)


def _archive(folder: Path, study: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_text(json.dumps({"study": describe(study), "runs": []}))


@pytest.mark.parametrize(
    ("scale", "overrides", "changes"),
    [
        ("tiny", (), {}),
        ("paper", ("seeds=1", "train.steps=4000", "metrics=[ssim]"), {}),
        ("tiny", (), {"title": "edited"}),
        ("tiny", (), {"title": "edited", "claim": {"text": "edited"}} | HYPOTHESIS),
        ("tiny", (), {"title": "edited"} | DEPTHS),
    ],
    ids=["again", "at another scale", "edited", "rewritten", "with another axis"],
)
def test_a_study_may_write_its_own_report_again(
    here: Path, scale: str, overrides: tuple[str, ...], changes: dict[str, object]
) -> None:
    _archive(Path("reports/mine"), _study(Path("a/mine.yaml")))
    check_study(_study(Path("a/mine.yaml"), scale, *overrides, **changes), Path("reports/mine"))


def test_the_same_file_may_be_called_in_other_ways(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _archive(Path("reports/mine"), _study(Path("a/mine.yaml")))
    edited = small_study(here / "a", "mine", title="edited")
    check_study(load_study(edited, "tiny"), Path("reports/mine"))
    monkeypatch.chdir("a")
    for path in (Path("mine.yaml"), Path("mine")):
        check_study(load_study(path, "tiny"), Path("../reports/mine"))


def test_a_file_that_was_moved_but_asks_the_same_may_go_on(here: Path) -> None:
    _archive(Path("reports/pooling"), load_study(Path("pooling"), "tiny"))
    check_study(load_study(ROOT / "ablations/pooling.yaml", "small"), Path("reports/pooling"))
    shutil.copy(ROOT / "ablations/pooling.yaml", here / "pooling.yaml")
    check_study(load_study(Path("pooling.yaml"), "small"), Path("reports/pooling"))


@pytest.mark.parametrize(
    ("folder", "changes", "said"),
    [
        ("b", {"title": "other"}, "which differs in title; rename the file"),
        ("b", {"claim": {"text": "other"}}, "which differs in claim; "),
        ("b", HYPOTHESIS, "which differs in hypotheses; "),
        ("b", DEPTHS, "which differs in axes; "),
        ("a", {"title": "other", "claim": {"text": "other"}, "metrics": ["psnr"]} | DEPTHS, None),
        (
            "a",
            {"title": "other", "claim": {"text": "other"}, "hypotheses": [{"psnr": "depth=1 > depth=2"}]} | DEPTHS,
            "which differs in title, claim, hypotheses, axes; ",
        ),
    ],
)
def test_another_study_of_the_name_is_refused(
    here: Path, folder: str, changes: dict[str, object], said: str | None
) -> None:
    _archive(Path("reports/mine"), _study(Path("a/mine.yaml")))
    other = _study(Path(folder) / "mine.yaml", **changes)
    if said is None:  # they still have something in common
        check_study(other, Path("reports/mine"))
        return
    with pytest.raises(InputError) as error:
        check_study(other, Path("reports/mine"))
    start = (
        f"{folder}/mine.yaml: reports/mine holds the report of another study of this name, 'Strided convolution or max"
    )
    assert str(error.value).startswith(start)
    assert "(`bench run a/mine.yaml --scale tiny`)" in str(error.value)
    assert said in str(error.value)


def test_a_broken_archive_is_written_anew(here: Path) -> None:
    study = _study(Path("a/mine.yaml"))
    Path("reports/mine").mkdir(parents=True)
    for text in ("", "[]", "{}", '{"study": 3}', '{"study": {}}'):
        Path("reports/mine/study.json").write_text(text)
        check_study(study, Path("reports/mine"))


def test_of_two_searches_too(here: Path) -> None:
    folder = Path("reports/s")
    folder.mkdir(parents=True)
    there = SEARCH | {"path": "a/s.yaml", "command": "bench search a/s.yaml"}
    (folder / "search.json").write_text(json.dumps({"search": there, "trials": []}))
    edited = SEARCH | {"title": "edited", "space": {"loss.l1": "2 to 9"}}
    check_free("search", Path("a/s.yaml"), edited, folder)
    check_free("search", Path("b/s.yaml"), SEARCH, folder)
    with pytest.raises(
        InputError, match=r"^b/s.yaml: reports/s holds the report of another search .* differs in title, space; "
    ):
        check_free("search", Path("b/s.yaml"), edited, folder)
    with pytest.raises(
        InputError, match="holds the report of a search of this name; rename the file, name another folder"
    ):
        check_free("study", Path("a/s.yaml"), {}, folder)


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_commands_refuse_and_change_nothing(bench: Bench, tmp_path: Path) -> None:
    search = yaml.safe_load((ROOT / "ablations/search/learning_rates.yaml").read_text())
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        small_study(tmp_path / name, "mine", title=name, metrics=["psnr"])
        (tmp_path / name / "s.yaml").write_text(yaml.safe_dump(search | {"title": name}))
    assert bench("run", "a/mine.yaml", *SMALL, "--workers", "1").returncode == 0
    s_tiny = ("--scale", "tiny", "--workers", "1", "--no-confirm", "--trials", "1")
    assert bench("search", "a/s.yaml", *s_tiny).returncode == 0
    (tmp_path / "a/Mine.yaml").write_text((tmp_path / "a/mine.yaml").read_text())
    shutil.copy(tmp_path / "a/mine.yaml", tmp_path / "s.yaml")
    shutil.copy(tmp_path / "a/s.yaml", tmp_path / "mine.yaml")
    before = _files(tmp_path)
    for arguments, message in (
        (
            ("run", "b/mine.yaml", *SMALL),
            "b/mine.yaml: reports/mine holds the report of another study of this name, 'a' ",
        ),
        (("report", "b/mine.yaml", *SMALL), "reports/mine holds the report of another study of this name"),
        (("search", "b/s.yaml", *s_tiny), "b/s.yaml: reports/s holds the report of another search of this name, 'a' "),
        (("run", "s.yaml", *SMALL), "s.yaml: reports/s holds the report of a search of this name"),
        (("report", "s.yaml", *SMALL), "s.yaml: reports/s holds the report of a search of this name"),
        (("search", "mine.yaml", *s_tiny), "mine.yaml: reports/mine holds the report of a study of this name"),
        (("report", "a/s.yaml", "b/s.yaml", "--scale", "tiny"), "several studies and searches are named s; "),
        (("report", "a/mine.yaml", "mine.yaml", "--scale", "tiny"), "several studies and searches are named "),
        (("run", "a/mine.yaml", "a/Mine.yaml", *SMALL), "several studies are named mine and Mine; their reports would"),
    ):
        done = bench(*arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert message in done.stderr
        assert _files(tmp_path) == before
    assert bench("run", os.path.join(".", "a", "mine.yaml"), *SMALL, "--workers", "1").returncode == 0
    assert bench("report", "a/mine.yaml", *SMALL).returncode == 0
    assert bench("search", "a/s.yaml", *s_tiny).returncode == 0
