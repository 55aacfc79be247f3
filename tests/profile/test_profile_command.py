"""`bench profile` from the command line: a study or methods in, a record and a page out, mistakes in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import Bench, WriteStudy

from bench.errors import InputError
from bench.profile.cases import REFERENCE, ProfileRequest, make_plan

QUICK = ("--scale", "tiny", "--seconds", "1", "--patience", "0", "--no-sweep", "--packing", "", "--device", "cpu")


def test_a_method_is_measured_and_written_down(bench: Bench, tmp_path: Path) -> None:
    result = bench("profile", "gan", *QUICK, "--reports", "r", "generator.width=2")
    assert result.returncode == 0, result.stderr
    (path,) = (tmp_path / "r/speed").glob("gan-tiny.cpu-*.json")
    record = json.loads(path.read_text())
    assert record["command"].startswith("bench profile gan ")
    assert "--reports" not in record["command"]
    assert [table["title"] for table in record["tables"]] == ["Training step", "Inference"]
    assert all("images_per_second" in row for table in record["tables"] for row in table["rows"])
    assert [row["label"] for row in record["latency"]] == ["gan"]
    assert "Training step" in (tmp_path / "r/speed.md").read_text()
    assert "Training step" in result.stdout
    again = bench("report", "--check", "--reports", "r")
    assert again.returncode == 0, again.stderr


def test_every_variant_and_baseline_of_a_study_is_measured(write_study: WriteStudy) -> None:
    plan = make_plan(ProfileRequest([str(write_study(baselines=["gray"]))], "tiny"))
    variants = ["strided_conv", "max_pool"]
    assert {table.title: [case.label for case in table.cases] for table in plan.tables} == {
        "Training step": variants,
        "Inference": [*variants, "gray"],
    }
    assert plan.name == "study-tiny"
    assert [case.work for case in plan.sweeps] == ["training"] * 2 + ["inference"] * 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to measure; give a STUDY, METHODs or --against pix2pix"),
        (["gna"], "'gna' is unknown; did you mean gan?"),
        (["--against", "cyclegan"], "--against cyclegan: unknown; allowed: pix2pix"),
        (["gan", "--packing", "1,x"], "--packing 1,x: give numbers of runs"),
        (["gan", "--packing", "2,2"], "--packing 2,2: give numbers of runs"),
        (["gan", "generator.widht=3"], "widht"),
        (["gan", "none.yaml"], "one study at a time"),
        (["none.yaml"], "none.yaml"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(
    bench: Bench, tmp_path: Path, arguments: list[str], words: str
) -> None:
    result = bench("profile", *arguments, "--device", "cpu", "--reports", "r")
    assert result.returncode == 2, result.stdout
    assert words in result.stderr
    assert not (tmp_path / "r").exists()


def test_the_reference_comes_first_and_is_not_swept(write_study: WriteStudy) -> None:
    plan = make_plan(ProfileRequest([str(write_study())], "tiny", with_reference=True, batch_size=2))
    training = plan.tables[0].cases
    assert [case.label for case in training] == [REFERENCE, "strided_conv", "max_pool"]
    assert [case.batch_size for case in training] == [1, 2, 2]
    assert REFERENCE not in [case.label for case in plan.sweeps]


@pytest.mark.parametrize("on_cuda", [False, True])
def test_the_ladder_measures_the_papers_model(on_cuda: bool) -> None:
    plan = make_plan(ProfileRequest([], with_reference=True, on_cuda=on_cuda))
    wide, half, *_ = plan.tables
    for table, side in ((wide, 256), (half, 128)):
        assert {case.config.data.image_size for case in table.cases} == {side}
        assert {case.config.tile_size for case in table.cases} == {64}
        assert any(case.loop == "cuda graphs" for case in table.cases) == on_cuda
        assert len({case.label for case in table.cases}) == len(table.cases)
    with pytest.raises(InputError, match="steps"):
        make_plan(ProfileRequest([], overrides=["train.steps=x"], with_reference=True))
