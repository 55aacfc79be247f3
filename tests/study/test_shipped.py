"""The shipped studies and searches: found by their names, listed, copied, and in what pip installs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from harness import ROOT, Bench, WriteStudy, small_study

from bench.errors import InputError
from bench.search.load import load_search
from bench.study.load import load_study
from bench.study.shipped import resolve_file, shipped

FILES = sorted((ROOT / "ablations").rglob("*.yaml"))
SMALL = ("--scale", "tiny", "--workers", "1", "seeds=1", "train.steps=4", "train.pretrain_steps=1")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_study_and_search_has_a_name_of_its_own() -> None:
    assert sorted(shipped().values()) == FILES
    assert len({name.casefold() for name in shipped()}) == len(FILES)


def test_a_bare_name_is_the_shipped_one_unless_a_file_here_has_it(here: Path) -> None:
    assert resolve_file(Path("pooling")) == ROOT / "ablations/pooling.yaml"
    assert resolve_file(Path("under_4m")) == ROOT / "ablations/search/under_4m.yaml"
    (here / "pooling").mkdir()  # no file
    assert load_study(Path("pooling"), "tiny").command == "bench run pooling --scale tiny"
    small_study(here, "pooling", title="mine")
    mine = load_study(Path("pooling"), "tiny")
    assert (mine.title, mine.command) == ("mine", "bench run pooling.yaml --scale tiny")
    (here / "pooling").rmdir()
    shutil.copy(here / "pooling.yaml", here / "pooling")
    (here / "pooling.yaml").unlink()
    assert load_study(Path("pooling"), "tiny").title == "mine"


def test_a_bare_name_gives_the_runs_of_its_file(here: Path) -> None:
    named, by_path = (load_study(path, "tiny") for path in (Path("pooling"), ROOT / "ablations/pooling.yaml"))
    assert [run.id for run in named.runs()] == [run.id for run in by_path.runs()]
    assert load_search(Path("under_4m"), "tiny").command == "bench search under_4m --scale tiny"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("poolin", "poolin: cannot be read (No such file or directory); did you mean pooling? shipped: adversarial, "),
        ("nope/pooling.yaml", "(No such file or directory); the shipped one is called pooling; "),
        ("tilling.yaml", "tilling.yaml: cannot be read (No such file or directory); did you mean tiling? shipped: "),
        ("under4m", "did you mean under_4m? "),
        ("zzz", "`bench studies` lists the shipped ones; `bench studies copy NAME` copies one here"),
    ],
)  # fmt: skip
def test_a_study_that_is_not_there_names_those_that_are(here: Path, path: str, message: str) -> None:
    for load in (load_study, load_search):
        with pytest.raises(InputError) as error:
            load(Path(path), "tiny")
        assert message in str(error.value)


@pytest.mark.parametrize("path", ["/", "..", ".", "a/..", "pooling/", "x" * 300, "a\0b", "~", "reports"])
def test_what_is_no_file_is_refused_in_words(here: Path, path: str) -> None:
    (here / "reports").mkdir()
    if path == "pooling/":  # which pathlib takes for the name
        assert resolve_file(Path(path)) == ROOT / "ablations/pooling.yaml"
        return
    with pytest.raises(InputError, match="cannot be read"):
        load_study(Path(path), "tiny")


def test_a_search_may_build_on_a_shipped_study_by_its_name(here: Path) -> None:
    content = yaml.safe_load((ROOT / "ablations/search/learning_rates.yaml").read_text())
    (here / "search").mkdir()
    shutil.copy(ROOT / "ablations/pooling.yaml", here)
    ids = []
    for study in ("../pooling.yaml", "pooling"):
        path = here / "search/mine.yaml"
        path.write_text(yaml.safe_dump(content | {"study": study}))
        ids.append(load_search(path, "tiny").study_name)
    assert ids[0] == ids[1]
    path.write_text(yaml.safe_dump(content | {"study": "poolin"}))
    with pytest.raises(
        InputError, match=r"poolin is not a file; give the study's path from .*, or the name of a shipped"
    ):
        load_search(path, "tiny")


def test_studies_lists_them_with_their_claims(bench: Bench) -> None:
    done = bench("studies")
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    for path in FILES:
        content = yaml.safe_load(path.read_text())
        assert path.stem in said
        assert content["title"] in said
        if "claim" in content:
            assert " ".join(content["claim"]["text"].split())[:60] in said
            assert f"section {content['claim'].get('section', '')}" in said or "section" not in content["claim"]
    assert said.index("Searches: bench search NAME") < said.index("learning_rates")


def test_a_copy_is_put_here_once(bench: Bench, tmp_path: Path) -> None:
    done = bench("studies", "copy", "pooling")
    assert (done.returncode, done.stdout) == (0, "pooling.yaml: edit it, then bench run pooling.yaml\n")
    assert (tmp_path / "pooling.yaml").read_bytes() == (ROOT / "ablations/pooling.yaml").read_bytes()
    (tmp_path / "pooling.yaml").write_text("mine")
    again = bench("studies", "copy", "pooling")
    assert (again.returncode, again.stdout) == (2, "")
    assert "error: pooling.yaml: is there already; name another folder" in again.stderr
    assert (tmp_path / "pooling.yaml").read_text() == "mine"
    assert bench("studies", "copy", "under_4m", "a/b").stdout.startswith(
        "a/b/under_4m.yaml: edit it, then bench search"
    )
    unknown = bench("studies", "copy", "../pooling")
    assert unknown.returncode == 2
    assert "did you mean pooling?" in unknown.stderr


def test_every_command_takes_a_bare_name(bench: Bench, tmp_path: Path) -> None:
    assert bench("run", "pooling", *SMALL).returncode == 0
    shown = json.loads((tmp_path / "reports/pooling/study.json").read_text())["study"]["command"]
    assert shown.startswith("bench run pooling --scale tiny ")
    assert shown in (tmp_path / "reports/pooling/report.md").read_text()
    options = ("--scale", "tiny", *SMALL[4:])
    assert bench("report", "pooling", *options, "--check").returncode == 0
    assert "3 cached" in bench("plan", "pooling", *options).stdout
    assert "is cached" in bench("why", "gray, seed 0", "pooling", *options).stdout
    assert "bench search it first" in bench("report", "under_4m").stderr
    wrong = bench("run", "under_4m")
    assert "this is a search; give it to bench search" in wrong.stderr
    twice = bench("plan", "pooling", "./pooling.yaml")
    assert "several studies are named pooling" in twice.stderr


def test_profile_takes_a_bare_name_and_a_method_before_it(bench: Bench, write_study: WriteStudy) -> None:
    assert "measure one study at a time" in bench("profile", "pooling", "gan").stderr
    assert "train.stepz: unknown key" in bench("profile", "pooling", "train.stepz=1").stderr
    assert "by its file or name" in bench("profile", "nothing").stderr


def _built(tmp_path: Path, what: str) -> Path:
    """A wheel or an sdist, without a network."""
    try:
        found = version("setuptools")
    except PackageNotFoundError:
        found = "0"
    if int(found.split(".")[0]) < 77:
        pytest.skip(f"setuptools 77 is what builds the package, and here is {found}")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "gan_bench.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("bench", "baselines", "ablations"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    code = f"import setuptools.build_meta as backend; backend.build_{what}({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    return next(path for path in tmp_path.iterdir() if path.suffix in (".whl", ".gz"))


@pytest.mark.slow
def test_an_installed_wheel_runs_a_study_in_an_empty_folder(tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    wheel = _built(tmp_path, "wheel")
    shutil.unpack_archive(wheel, site, "zip")
    inside = {path.relative_to(site / "bench/ablations") for path in site.glob("bench/ablations/**/*.yaml")}
    assert inside == {path.relative_to(ROOT / "ablations") for path in FILES}
    assert not (site / "ablations").exists()
    assert "bench = gan_bench:main" in next(site.glob("*.dist-info/entry_points.txt")).read_text()
    ours = {path.relative_to(ROOT) for path in (ROOT / "bench").rglob("*") if path.suffix in (".py", ".j2", ".css")}
    assert {path for path in ours | {Path("gan_bench.py")} if not (site / path).is_file()} == set()
    empty.mkdir()

    def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "bench", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"}
        return subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True)

    done = bench("run", "pooling", *SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bench run pooling --scale tiny" in (empty / "reports/pooling/report.md").read_text()
    assert "under_4m" in bench("studies").stdout
    assert str(site / "bench/ablations/search/under_4m.yaml") in bench("plan", "under_4m").stderr


@pytest.mark.slow
def test_a_source_distribution_has_the_studies(tmp_path: Path) -> None:
    with tarfile.open(_built(tmp_path, "sdist")) as archive:
        names = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    assert {path.relative_to(ROOT) for path in FILES} <= names
