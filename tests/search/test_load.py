"""Search files: the search that they load as, and their mistakes, named with file, line, path and fix."""

from __future__ import annotations

import datetime
import json
import math
import shlex
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT
from searches import WriteSearch

from bench.errors import InputError
from bench.report.search.results import load_search_results
from bench.search.load import load_search
from bench.search.proposals import in_words
from bench.study.load import load_study

SEARCHES = sorted((ROOT / "ablations" / "search").glob("*.yaml"))
NUMBER = {"low": 1.0, "high": 9.0}

MISTAKES: list[tuple[str, Any, str]] = [
    ("space", {"train.learning_rat": NUMBER}, "space.train.learning_rat: unknown key; did you mean learning_rate?"),
    ("space", {"loss.l1": {"low": 9.0, "high": 1.0}}, "low (9) is not below high (1)"),
    ("space", {"loss.l1": {"low": 0.0, "high": 1.0, "log": True}}, "a logarithmic range needs a low above 0, not 0"),
    ("space", {"loss.l1": NUMBER | {"log": True, "step": 1.0}}, "a logarithmic range cannot have a step"),
    ("space", {"loss.l1": NUMBER | {"step": 3.0}}, "steps of 3 from 1 do not reach 9 exactly"),
    ("space", {"loss.l1": NUMBER | {"logg": True}}, "loss.l1.logg: unknown key; did you mean log?"),
    ("space", {"loss.l1": {"low": 1.0}}, "loss.l1.high: is required"),
    ("space", {"loss.l1": {"low": "1", "high": 2}}, "loss.l1.low: "),
    ("space", {"loss.l1": 3}, "3 leaves nothing to choose"),
    ("space", {"loss.l1": []}, "has 0 values; a list has 1 to 100"),
    ("space", {"generator.depth": [2, 2]}, "generator.depth[1]: 2 is given twice"),
    ("space", {"loss.adversarial": ["bce", "hinge"]}, "'hinge' is not allowed; allowed: bce, l2"),
    ("space", {"generator.width": {"low": -3, "high": 8}}, "space.generator.width"),
    ("space", {"generator.depth": [2, 9]}, "a sub-image of 32 px"),
    ("space", {"loss.l1": NUMBER, "lambda": {"a": {"loss.l1.start": NUMBER}}}, "another entry already sets loss.l1;"),
    ("space", {"lambda": {"a": 3}}, "space.lambda.a: 3 is not a block"),
    ("space", {"a=b": {"c": {}}}, "'a=b': the names of parameters in blocks contain = and /"),
    ("space", {"lambda": {}}, "is empty; write {low, high}"),
    ("space", {"seed": [0, 1]}, "space.seed: `seeds` varies the seed; remove it here"),
    ("space", {"data.score_on": ["all", "test"]}, "the search itself sets this"),
    ("space", {"data.image_size": [64, 128]}, "changes the images that are scored"),
    ("space", {"task": ["colorization", "inpainting"]}, "changes the images that are scored"),
    ("space", {"train": {"learning_rate": NUMBER}}, "write its fields with dots, `train.learning_rate: ...`"),
    ("space", {"loss.l1": {"constant": NUMBER}}, "is a config field; write a list or {low, high}"),
    ("space", {"loss.l1": [datetime.date(2020, 1, 1), 3]}, "space.loss.l1[0]: 2020-01-01 is"),
    ("space", {"loss.l1": [math.nan, 1.0]}, "nan cannot be the value of a config field"),
    ("space", {"generator.width": {"low": 16.0, "high": 96.0}}, "valid integer"),
    ("space", {}, "space: "),
    ("base", {"data": {"score_on": "test"}}, "base.data.score_on: the search itself sets this"),
    ("base", {"seed": 3}, "base.seed: `seeds` varies the seed"),
    ("base", {"method": "gray"}, "gray is not trained, so there is nothing to search"),
    ("base", {"trian": {}}, "base.trian: unknown key; did you mean train?"),
    ("objectives", {}, "objectives: "),
    ("objectives", ["psnr", "pnsr"], "objectives.pnsr: is neither a metric nor a cost; did you mean psnr?"),
    ("objectives", {"psnr": "lower"}, "lower is worse; higher is better for psnr"),
    ("objectives", ["colorfulness"], "has no direction of its own; write `colorfulness: higher`"),
    ("objectives", ["parameters", "parameters_total"], "is given twice"),
    ("objectives", ["psnr_hole"], "needs a task with a hole"),
    ("constraints", {"psnr": ">= 20"}, "constraints.psnr: is not a cost that is known before training"),
    ("constraints", {"parameters": "4e6"}, "'4000000.0' is not a bound; write `<= 4.1e6` or `>= 1000`"),
    ("constraints", {"parameters": "<= many"}, "'<= many' is not a bound"),
    ("sampler", "tpee", "'tpee' is not allowed; did you mean tpe? allowed: tpe, gp, nsga2, random, grid"),
    ("sampler", "grid", "a grid needs a finite space"),
    ("pruner", "medain", "did you mean median?"),
    ("pruner", "wilcoxon", "and at least 2 seeds"),
    ("trials", 0, "trials: "),
    ("seeds", 1001, "seeds: "),
    ("trials", None, "trials: is required"),
    ("study", "nowhere.yaml", "nowhere.yaml is not a file"),
    ("confirm", {"baselines": ["pix2pics"]}, "confirm.baselines[0]: 'pix2pics' is unknown; did you mean pix2pix?"),
    ("confirm", {"metrics": ["pnsr"]}, "confirm.metrics[0]: 'pnsr' is unknown; did you mean psnr?"),
    ("confirm", {"base": {"generator": {"width": 9}}}, "would change the question that the trials answer"),
    ("scales", {"paper": {"base": {"trian": {}}}}, "scales.paper.base.trian: unknown key"),
    ("axes", {"generator.depth": [1, 2]}, "axes: unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "message"), MISTAKES, ids=[f"{m[0]}-{i}" for i, m in enumerate(MISTAKES)])
def test_a_mistake_is_named_with_file_line_path_and_fix(
    write_search: WriteSearch, key: str, value: Any, message: str
) -> None:
    path = write_search(**{key: value})
    with pytest.raises(InputError) as error:
        load_search(path, "tiny")
    assert message in str(error.value)
    file, line, _ = str(error.value).split(":", 2)
    assert file == str(path)
    lines = path.read_text().splitlines()
    assert value is None or key in "\n".join(lines[: int(line)])


@pytest.mark.parametrize(
    ("objectives", "pruner", "message"),
    [
        (["psnr", "st_lpips"], "median", "median needs one objective, and there are 2; set it to none"),
        ("macs", "hyperband", "macs has no validation curve to prune by; these have: psnr"),
        ("lpips", "median", "lpips has no validation curve"),
        ("training_seconds", "median", "training time is known only after training"),
    ],
)
def test_a_pruner_that_does_not_fit(write_search: WriteSearch, objectives: Any, pruner: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_search(write_search(objectives=objectives, pruner=pruner), "tiny")


@pytest.mark.parametrize(
    ("objectives", "pruner"), [("psnr", "median"), (["psnr", "macs"], "none"), ("macs", "none"), ("lpips", "none")]
)
def test_the_pruner_that_fits_the_objectives(write_search: WriteSearch, objectives: Any, pruner: str) -> None:
    assert load_search(write_search(objectives=objectives), "tiny").pruner == pruner


@pytest.mark.parametrize("scale", ["tiny", "small", "paper"])
@pytest.mark.parametrize("path", SEARCHES, ids=lambda p: p.stem)
def test_every_shipped_search_loads(path: Path, scale: Any) -> None:
    search = load_search(path, scale)
    assert search.default.data.score_on == "validation"
    assert search.confirmed_default().data.score_on == "test"
    assert not set(search.seeds) & set(search.fresh_seeds)


def test_there_is_a_search_of_each_kind() -> None:
    loaded = [load_search(path) for path in SEARCHES]
    assert any(s.pruner != "none" and len(s.objectives) == 1 for s in loaded)
    assert any("flops" in [o.quantity for o in s.objectives] and len(s.objectives) > 1 for s in loaded)
    assert any([(c.quantity, c.bound) for c in s.constraints] == [("parameters_total", 4081027)] for s in loaded)


def test_the_study_name_hashes_what_makes_trials_comparable(write_search: WriteSearch) -> None:
    name = load_search(write_search(), "tiny").study_name
    assert name.startswith("search-tiny-")
    assert load_search(write_search(trials=9, timeout=5, title="other", confirm={}), "tiny").study_name == name
    for change in ({"objectives": "ssim"}, {"seeds": 2}, {"seed": 1}, {"sampler": "random"}, {"base": {}}):
        assert load_search(write_search(**change), "tiny").study_name != name
    assert load_search(write_search(), "tiny", overrides=("train.steps=11",)).study_name != name


def test_trials_measured_under_another_peak_version_are_not_continued(
    write_search: WriteSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[dict[str, Any]] = [{}, {"constraints": {"training_peak_bytes": "<= 1e9"}}]
    now = [load_search(write_search(**asked), "tiny").study_name for asked in bounds]
    monkeypatch.setattr("bench.search.search.PEAK_VERSION", -1)
    later = [load_search(write_search(**asked), "tiny").study_name for asked in bounds]
    assert [a == b for a, b in zip(now, later, strict=True)] == [True, False]


def test_a_command_line_cannot_set_what_the_space_does(write_search: WriteSearch) -> None:
    with pytest.raises(InputError, match=r"train\.learning_rate is in the space of .*; change it there"):
        load_search(write_search(), "tiny", overrides=("train.learning_rate=1",))


def test_the_order_of_a_schedules_fields_does_not_matter(write_search: WriteSearch) -> None:
    falling = {"loss.l1.start": NUMBER, "loss.l1.end": 1.0, "loss.l1.kind": "linear"}
    search = load_search(write_search(space={"lambda": {"falling": falling, "fixed": {"loss.l1": 3.0}}}), "tiny")
    config = search.config_of({"loss.l1.start": 7.0, "loss.l1.end": 1.0, "loss.l1.kind": "linear"})
    assert config.loss.l1.model_dump(exclude_none=True) == {"kind": "linear", "start": 7.0, "end": 1.0}


def test_the_command_line_lies_over_what_the_comparison_has(write_search: WriteSearch) -> None:
    path = write_search(confirm={"base": {"train": {"steps": 12}}})
    assert load_search(path, "tiny").confirmed_default().train.steps == 12
    assert load_search(path, "tiny", overrides=("train.steps=99",)).confirmed_default().train.steps == 99


def test_trials_on_other_photographs_have_other_ids(write_search: WriteSearch) -> None:
    search = load_search(write_search(space={"data.train_images": [2, 4]}), "tiny")
    ids = {search.run(search.config_of({"data.train_images": count}), "").id for count in (2, 4)}
    assert len(ids) == 2


def test_the_default_can_be_a_studys_control(write_search: WriteSearch, tmp_path: Path) -> None:
    study = ROOT / "ablations" / "tiling.yaml"
    searched = load_search(write_search(study=str(study), base=None), "small").default
    control = load_study(study, "small").control.config
    assert searched.identity() | {"data": None} == control.identity() | {"data": None}


def test_a_grid_has_an_end(write_search: WriteSearch) -> None:
    space = {"generator.width": {"low": 1, "high": 10**9}}
    with pytest.raises(InputError, match="the grid has 1,000,000,000 points; the maximum is 10,000"):
        load_search(write_search(space=space, sampler="grid"), "tiny")


def test_a_study_and_a_search_are_told_apart(write_search: WriteSearch) -> None:
    with pytest.raises(InputError, match="this is a search; give it to bench search"):
        load_study(write_search())
    with pytest.raises(InputError, match="this is a study; run it with bench run"):
        load_search(ROOT / "ablations" / "pooling.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "reports").rglob("search.json")), ids=lambda path: path.parent.name)
def test_a_committed_report_describes_the_current_search(path: Path) -> None:
    archived = load_search_results(path.parent).search
    bench, verb, file, scale, name, *arguments = shlex.split(archived["command"])
    assert (bench, verb, scale) == ("bench", "search", "--scale")
    data = arguments[1] if arguments[:1] == ["--data"] else None
    search = load_search(ROOT / file, name, data, tuple(arguments[2 if data else 0 :]))  # type: ignore[arg-type]
    assert archived["title"] == search.file.title
    assert archived["question"] == search.file.question
    assert archived["space"] == in_words(search.space)
    assert archived["objectives"] == [{"quantity": o.quantity, "direction": o.direction} for o in search.objectives]
    assert archived["control"] == json.loads(json.dumps(search.default.identity()))
    kept = (archived["sampler"], archived["pruner"], archived["trials"], archived["seeds"], archived["fresh_seeds"])
    assert kept == (search.file.sampler, search.pruner, search.file.trials, search.seeds, search.fresh_seeds)
