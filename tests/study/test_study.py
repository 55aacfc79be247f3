"""YAML in, variants and runs out: the order of layers, names, ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import STUDIES, WriteStudy

from baselines import CODE_VERSIONS, METHODS
from baselines.weights import base_of
from bench.config import RunConfig
from bench.errors import InputError
from bench.store.run_store import run_id
from bench.study.layers import difference
from bench.study.load import load_study
from bench.study.study import method_code


def test_the_id_of_the_default_run_is_this_one() -> None:
    """It changes only with what a run's numbers mean; then SCHEMA of bench.store.run_store goes up with it."""
    assert run_id(RunConfig(), "0123456789abcdef") == "597ef67965d23d80"


def test_the_version_of_a_methods_code_is_in_the_ids_of_its_runs_alone() -> None:
    def id_of(method: str) -> str:
        return run_id(RunConfig(method=method), "0123456789abcdef", method_code(method))

    assert id_of("zhang2016") == "a4a6e6f0c7ea5d49" != "b00eb7b051a5569d"  # that of version 1
    assert (id_of("zhang2017"), id_of("zhang2016_published")) == ("1e9055743f2711ea", "146a7134614e9a4f")
    assert {method for method in METHODS if method_code(method).isdigit()} == set(CODE_VERSIONS)
    assert all(version > 1 and base_of(method) is None for method, version in CODE_VERSIONS.items())


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"data": {"image_size": 128}},
        {"generator": {"downsample": "max_pool"}},
        {"loss": {"l1": 10}},
        {"train": {"precision": "bf16"}},
        {"train": {"steps": None, "images": 160_000}},
    ],
)
def test_whatever_changes_the_numbers_changes_the_id(change: dict[str, object]) -> None:
    assert run_id(RunConfig.model_validate(change), "data") != run_id(RunConfig(), "data")


def test_where_the_data_lies_and_how_often_it_is_validated_do_not_change_the_id() -> None:
    here, there = (
        RunConfig.model_validate({"data": {"name": "folder", "path": path}, "train": {"validations": often}})
        for path, often in (("here", 20), ("/elsewhere", 3))
    )
    assert run_id(here, "data") == run_id(there, "data") != run_id(here, "other data")


def test_a_value_written_out_and_the_default_give_the_same_id() -> None:
    written = RunConfig.model_validate({"loss": {"l1": {"kind": "linear", "start": 100, "end": 10}}})
    assert run_id(written, "data") == run_id(RunConfig(), "data")


def test_layers_lie_in_order_defaults_scale_study_scale_overlay_command_line(write_study: WriteStudy) -> None:
    path = write_study(
        base={"train": {"batch_size": 3}}, scales={"tiny": {"base": {"train": {"d_steps": 4}}, "seeds": 5}}
    )
    tiny = load_study(path, "tiny", overrides=("generator.width=12",))
    config = tiny.control.config
    assert (config.train.learning_rate, config.train.steps) == (2e-4, 20)  # default, scale
    assert (config.train.batch_size, config.train.d_steps) == (3, 4)  # base, the base's overlay for this scale
    assert (config.generator.width, tiny.seeds) == (12, [0, 1, 2, 3, 4])  # command line, overlay
    assert load_study(path, "small").control.config.train.d_steps == 2


def test_a_new_budget_or_schedule_replaces_the_old_one(write_study: WriteStudy) -> None:
    study = load_study(write_study(), "tiny", overrides=("train.images=64", "loss.l1=3"))
    assert (study.control.config.train.steps, study.control.config.train.images) == (None, 64)
    assert study.control.config.loss.l1.kind == "constant"
    only_start = load_study(write_study(), "tiny", overrides=("loss.l1.start=50",)).control.config.loss.l1
    assert (only_start.kind, only_start.start, only_start.end) == ("linear", 50, 10)


def test_every_combination_is_a_variant_and_the_control_comes_first(write_study: WriteStudy) -> None:
    axes = {"generator.norm": ["none", "batch"], "discriminator.norm": ["none", "batch"], "train.d_steps": [1, 2]}
    control = {"generator.norm": "batch", "discriminator.norm": "batch", "train.d_steps": 2}
    study = load_study(write_study(axes=axes, control=control), "tiny")
    assert study.control.label == "generator.norm=batch, discriminator.norm=batch, d_steps=2"
    assert len({variant.label for variant in study.variants}) == 8
    for variant in study.variants:
        expected = {path: (control[path], value) for path, value in variant.axes.items() if value != control[path]}
        assert difference(variant.config, study.control.config) == expected


def test_an_axis_value_may_be_a_mapping(write_study: WriteStudy) -> None:
    axis = [{"grid": 2, "context": "vector"}, {"grid": 1, "context": "none"}]
    study = load_study(write_study(axes={"tiling": axis}, control={"tiling": axis[0]}), "tiny")
    assert [v.label for v in study.variants] == ["grid=2 context=vector", "grid=1 context=none"]
    assert difference(study.variants[1].config, study.control.config) == {
        "tiling.grid": (2, 1),
        "tiling.context": ("vector", "none"),
    }


NAMED = {"train": {"pretrained": {}, "from the start": {"pretrain_steps": 0}}}


def test_values_of_an_axis_may_have_names(write_study: WriteStudy) -> None:
    path = write_study(
        axes=NAMED,
        control={"train": "pretrained"},
        hypotheses=[
            {"steps_to_psnr": "pretrained < from the start"},
            {"psnr": "pretrained = from the start within 0.5"},
        ],
    )
    study = load_study(path, "tiny", overrides=("train.steps=30",))  # the axis is on pretrain_steps alone
    assert [v.label for v in study.variants] == ["pretrained", "from the start"]
    assert difference(study.variants[1].config, study.control.config) == {"train.pretrain_steps": (5, 0)}
    assert [str(h) for h in study.hypotheses] == [
        "steps_to_psnr: pretrained < from the start",
        "psnr: pretrained = from the start within 0.5",
    ]
    with pytest.raises(InputError, match=r"train.pretrain_steps=3: train is an axis of"):
        load_study(path, "tiny", overrides=("train.pretrain_steps=3",))


def test_an_axis_of_its_own_sets_several_fields_and_may_differ_by_scale(write_study: WriteStudy) -> None:
    whole = {"tiling": {"grid": 1}, "tiling.context": "none", "generator.width": 72}
    path = write_study(
        axes={"partition": {"tiled": {}, "whole": whole}},
        control={"partition": "tiled"},
        scales={"tiny": {"axes": {"partition": {"whole": {**whole, "generator.width": 9}}}}},
    )
    expected = {"tiling.grid": (2, 1), "tiling.context": ("vector", "none")}
    study = load_study(path, "tiny")
    assert difference(study.variants[1].config, study.control.config) == expected | {"generator.width": (8, 9)}
    assert load_study(path, "paper").variants[1].config.generator.width == 72
    with pytest.raises(InputError, match="partition is an axis of"):
        load_study(path, "tiny", overrides=("tiling.context=channel",))


def test_runs_go_seed_by_seed_and_a_method_without_parameters_runs_once(write_study: WriteStudy) -> None:
    study = load_study(write_study(seeds=[7, 3], baselines=["gray"]), "tiny")
    runs = [(run.label, run.config.seed) for run in study.runs()]
    assert runs == [("strided_conv", 7), ("max_pool", 7), ("gray", 0), ("strided_conv", 3), ("max_pool", 3)]


def test_a_run_asked_for_by_two_studies_is_one_run(write_study: WriteStudy) -> None:
    one = load_study(write_study("one"), "tiny").runs()
    axes = {"loss.adversarial": ["bce", "l2"]}
    other = load_study(write_study("other", axes=axes, control={"loss.adversarial": "bce"}), "tiny").runs()
    assert one[0].id == other[0].id
    assert one[1].id != other[1].id


def test_a_baseline_without_parameters_is_the_same_run_whatever_the_model_is(write_study: WriteStudy) -> None:
    runs = load_study(write_study(baselines=["gray"]), "tiny").runs()
    wider = load_study(write_study(baselines=["gray"]), "tiny", overrides=("generator.width=16",)).runs()
    assert runs[-1].label == wider[-1].label == "gray"
    assert runs[-1].id == wider[-1].id


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
@pytest.mark.parametrize("scale", ["tiny", "small", "paper"])
def test_every_shipped_study_loads_at_every_scale(path: Path, scale: str) -> None:
    study = load_study(path, scale)  # type: ignore[arg-type]
    assert study.control.label == study.variants[0].label


def test_a_variant_whose_data_cannot_be_had_is_named(write_study: WriteStudy) -> None:
    path = write_study(axes={"data": {"all": {}, "more": {"train_images": 99}}}, control={"data": "all"})
    with pytest.raises(InputError, match=r"study.yaml: the variant more: data.train_images is 99, but there are 6"):
        load_study(path, "tiny").runs()


def test_the_command_names_the_file_from_the_current_folder(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_study()
    monkeypatch.chdir(path.parent)
    commands = {load_study(typed, "tiny").command for typed in (path, Path("study.yaml"), Path("./study.yaml"))}
    assert commands == {"bench run study.yaml --scale tiny"}


def test_1e_3_is_a_number(tmp_path: Path, write_study: WriteStudy) -> None:
    path = write_study(axes={"train.learning_rate": [0.0002, "RATE"]}, control={"train.learning_rate": 0.0002})
    path.write_text(path.read_text().replace("RATE", "1e-3"))
    assert [v.label for v in load_study(path, "tiny").variants] == ["learning_rate=0.0002", "learning_rate=0.001"]


def test_a_name_may_have_a_sign_in_it(write_study: WriteStudy) -> None:
    axes = {"loss.l1": {"λ ≥ 1": 1, "less": 0.1}}
    path = write_study(axes=axes, control={"loss.l1": "λ ≥ 1"}, hypotheses=[{"psnr": "λ ≥ 1 > less"}])
    assert [str(h) for h in load_study(path, "tiny").hypotheses] == ["psnr: λ ≥ 1 > less"]
