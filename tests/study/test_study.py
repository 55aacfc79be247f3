"""YAML in, variants and runs out: merging order, names, ids, and every mistake with its file, line and fix."""

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
    assert run_id(RunConfig(), "0123456789abcdef") == "006b4c517b760ecb"


def test_the_version_of_a_methods_code_is_in_the_ids_of_its_runs_alone() -> None:
    def id_of(method: str) -> str:
        return run_id(RunConfig(method=method), "0123456789abcdef", method_code(method))

    assert id_of("zhang2016") == "ad8fcc950db6a1af" != "7112cccfd8bb203d"  # that of version 1
    assert (id_of("zhang2017"), id_of("zhang2016_published")) == ("0e0cf54b70f39a35", "ec88d0eb4fd91eaf")  # as before
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


MISTAKES = [  # the key of the study that is replaced, its value, the line of the mistake, what the message says
    ("tilte", "x", "tilte: unknown key; did you mean title? allowed: title, claim,"),
    ("metrics", ["psnr", "lipps"], "metrics[1]: 'lipps' is unknown; did you mean lpips? allowed: psnr, ssim,"),
    ("metrics", ["psnr", "psnr"], "metrics[1]: 'psnr' is given twice"),
    ("baselines", ["grey"], "baselines[0]: 'grey' is unknown; did you mean gray? allowed: gan, l1_unet,"),
    ("base", {"generator": {"dept": 3}}, "base.generator.dept: unknown key; did you mean depth? allowed: downsample,"),
    ("base", {"generator": 3}, "base.generator: 3 is not a mapping; its keys are: downsample,"),
    ("base", {"method": "gam"}, "base.method: 'gam' is unknown; did you mean gan?"),
    ("base", {"task": "colorisation"}, "base.task.name: 'colorisation' is not allowed; did you mean colorization?"),
    ("base", {"loss": {"adversarial": "bca"}}, "base.loss.adversarial: 'bca' is not allowed; did you mean bce?"),
    ("base", {"discriminator": {"depth": "ful"}}, "base.discriminator.depth: 'ful' is not allowed; did you mean full?"),
    ("base", {"loss": {"l1": {"kind": "linear", "start": 1}}}, "base.loss.l1: a linear schedule needs an end"),
    ("base", {"loss": {"l1": {"kind": "cosine", "start": 2, "end": 1, "at": 0.1}}}, "a cosine schedule has no at"),
    ("base", {"train": {"steps": 9, "images": 9}}, "base.train: exactly one of steps, images, seconds, flops is"),
    ("base", {"train": {"steps": 4, "pretrain_steps": 5}}, "base.train: pretrain_steps (5) is more than the budget"),
    ("base", {"train": {"learning_rate": -1}}, "base.train.learning_rate: input should be greater than 0, not -1"),
    ("base", {"tiling": {"grid": 3}}, "data.image_size (64) is not a multiple of tiling.grid (3)"),
    ("base", {"generator": {"depth": 7}}, "cannot be halved generator.depth = 7 times; it must be a multiple of 128"),
    ("base", {"discriminator": {"depth": 9}}, "the deepest is 3, or write full"),
    ("axes", {"generator.downsmaple": ["a"]}, "axes.generator.downsmaple: unknown key; did you mean downsample?"),
    ("axes", {"generator.norm": ["batch", "btach"]}, "norm[1]: 'btach' is not allowed; did you mean batch?"),
    ("axes", {"generator.norm": ["batch", "batch"]}, "axes: the variants norm=batch and norm=batch are the same"),
    ("axes", {"seed": [0, 1]}, "axes.seed: is what `seeds` varies"),
    ("axes", {"generator.norm.x": [0, 1]}, "axes.generator.norm.x: lies inside a value; name the field itself"),
    ("base", {"seed": 3}, "base.seed: is what `seeds` varies"),
    ("base", {"task": ["colorization"]}, "base.task: ['colorization'] is not a mapping; its keys are: name"),
    ("base", {"task": {"mask_known": True}}, "base.task: task.mask_known belongs to inpainting"),
    ("baselines", ["telea"], "baselines: telea does inpainting, not colorization"),
    ("metrics", ["psnr", "psnr_hole"], "metrics[1]: psnr_hole needs a task with a hole: inpainting"),
    ("axes", {"partition": {"a": {}, "b": {"tilng.grid": 1}}}, "axes.partition.b.tilng.grid: unknown key"),
    ("axes", {"partition": {"a": {}, "b": {"tiling.gird": 1}}}, "axes.partition.b.tiling.gird: unknown key"),
    ("axes", {"partition": {"a": {}, "b": {"tiling.grid": "x"}}}, "partition.b.tiling.grid: input should be a"),
    ("axes", {"partition": {"a": {}, "b": 3}}, "axes.partition.b: partition is not a config field, so its values"),
    ("axes", {"partition": {"a": {}, "b < c": {}}}, "axes.partition.b < c: a name with <, > or = could not be told"),
    ("axes", {"partition": ["a"]}, "axes.partition: unknown key; did you mean"),
    ("axes", {"generator.norm": {"on": "batch", "off": "btach"}}, "generator.norm.off: 'btach' is not allowed"),
    ("scales", {"tiny": {"axes": {"a": [1]}}}, "scales.tiny.axes.a: is not an axis; allowed: generator.downsample"),
    ("scales", {"tiny": {"axes": {"generator.downsample": {"a": 1}}}}, "is a list of values on one side"),
    ("scales", {"tiny": {"axes": {"generator.downsample": ["strided_conv", "x"]}}}, "[1]: 'x' is not allowed"),
    ("baselines", ["gan"], "baselines: gan is a variant already"),
    ("seeds", True, "seeds: input should be a valid integer"),
    ("axes", {"generator": [{"dept": 1}]}, "axes.generator[0].dept: unknown key; did you mean depth?"),
    ("axes", {"generator.norm": []}, "axes.generator.norm: list should have at least 1 item"),
    ("axes", {"train.d_steps": list(range(1, 1002))}, "1,001 variants x 1 seed are 1,001 runs; the most is 1,000"),
    ("axes", {"p": {"a": {}, "b": {"seed": 7}}}, "axes.p.b.seed: is what `seeds` varies"),
    ("axes", {"p": {"a": {}, " ": {"train.d_steps": 3}}}, "a value needs a name"),
    ("axes", {"p": {"ground truth": {}, "b": {"train.d_steps": 3}}}, "ground truth is what reports call a picture"),
    ("axes", {"p": {"input": {}, "b": {"train.d_steps": 3}}}, "input is what reports call a picture"),
    ("axes", {"p": {"bell\x07": {}, "b": {"train.d_steps": 3}}}, "'bell\\x07' cannot be printed"),
    ("axes", {"p": {"a": {}, "b": {"generator.depth": 2, "generator": {"depth": 1}}}}, "sets generator.depth a second"),
    ("axes", {"generator.depth": [2, 3], "p": {"a": {}, "b": {"generator": {"depth": 1}}}}, "a field has one axis"),
    ("control", {"generator.norm": "batch"}, "control.generator.norm: is not an axis; did you mean generator."),
    ("control", {}, "control: does not say the value of the axis generator.downsample"),
    ("control", "strided_conv", "control: write the axis with its value, `AXIS: strided_conv`"),
    ("base", {"train.steps": 16}, "base.train.steps: unknown key; write it nested, `train: {steps: ...}`"),
    ("base", {"data": {"path": "pictures"}}, "data.path belongs to data.name folder and places365; give your folder"),
    ("scales", {"paper": {"base": {"tran": {"steps": 3}}}}, "scales.paper.base.tran: unknown key; did you mean train?"),
    ("control", {"generator.downsample": "pool"}, "'pool' is not on the axis; allowed: strided_conv, max_pool"),
    ("seeds", [1, 1], "seeds: [1, 1] name a seed twice"),
    ("seeds", 0, "seeds: input should be greater than or equal to 1, not 0"),
    ("hypotheses", [{"ssim": "a > b"}], "hypotheses[0].ssim: is not a metric of this study, nor a cost"),
    ("hypotheses", [{"psnr": "strided_conv beats max_pool"}], "compares nothing; write `variant > variant`"),
    ("hypotheses", [{"psnr": "strided_conv = max_pool"}], "equality needs a margin above 0; write"),
    ("hypotheses", [{"psnr": "strided_conv = max_pool within -1"}], "equality needs a margin above 0; write"),
    ("hypotheses", [{"psnr": "strided_conv = max_pool within 1%"}], "the margin of a score is in its own unit"),
    ("hypotheses", [{"macs": "strided_conv = max_pool within 1"}], "the margin of a cost is a share; write"),
    ("hypotheses", [{"steps_to_psnr": "strided_conv = max_pool within 1"}], "a time to quality is not tested for"),
    ("hypotheses", [{"psnr": "strided_conv >= max_pool"}], ">= is no relation; write >, <, or"),
    ("hypotheses", [{"psnr": "strided_conv ≤ max_pool"}], "compares nothing; write"),
    ("hypotheses", [{"psnr": "strided_conv > max_pool"}, {"psnr": "strided_conv > max_pool"}], "is given twice"),
    ("hypotheses", [{"steps_to_colorfulness": "strided_conv < max_pool"}], "colorfulness has no better end that could"),
    ("hypotheses", [{"psnr_hole@25%": "strided_conv < max_pool"}], "strided_conv has no hole, which psnr_hole is"),
    ("hypotheses", [{"steps_to_lpips": "strided_conv < max_pool"}], "there is no curve of 'lpips'"),
    ("hypotheses", [{"psnr@0%": "strided_conv < max_pool"}], "a share lies between 1% and 100%"),
    ("hypotheses", [{"lpips@5%": "strided_conv < max_pool"}], "there is no curve of 'lpips'"),
    ("hypotheses", [{"psnr": "max_pool > max_pool"}], "'max_pool' is compared with itself"),
    ("hypotheses", [{"psnr": "strided_conv > max_poll"}], "'max_poll' is not a variant; did you mean max_pool?"),
    ("scales", {"smal": {}}, "scales.smal: unknown key; did you mean small?"),
    ("scales", {"tiny": {"base": {"train": {"stepz": 1}}}}, "tiny.base.train.stepz: unknown key; did you mean steps?"),
    ("scales", {"paper": {"base": {"seed": 3}}}, "scales.paper.base.seed: is what `seeds` varies"),
    ("claim", None, "claim: is required"),
    ("claim", {"text": "", "section": "1"}, "claim.text: "),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "message"), MISTAKES, ids=[f"{m[0]}-{i}" for i, m in enumerate(MISTAKES)])
def test_a_mistake_is_named_with_file_line_path_and_fix(
    write_study: WriteStudy, key: str, value: object, message: str
) -> None:
    path = write_study(**_with_matching_control(key, value))
    with pytest.raises(InputError) as error:
        load_study(path, "tiny")
    assert message in str(error.value)
    file, line, _ = str(error.value).split(":", 2)
    assert file == str(path)
    lines = path.read_text().splitlines()
    assert key in lines[int(line) - 1] or key in "\n".join(lines[: int(line)]) or value is None


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


@pytest.mark.parametrize(
    ("quantity", "problem"),
    [
        ("steps_to_psnr", "gray is not trained, so that it has none"),
        ("training_seconds", "gray is not trained, so that it has none"),
        ("psnr@25%", "gray is not trained, so that it has none"),
        ("macs", "gray has no networks, whose operations are counted"),
    ],
)
def test_what_a_baseline_cannot_have_is_not_asked_of_it(write_study: WriteStudy, quantity: str, problem: str) -> None:
    path = write_study(baselines=["gray"], hypotheses=[{quantity: "strided_conv < gray"}])
    with pytest.raises(InputError, match=problem):
        load_study(path, "tiny")


def test_scores_of_two_tasks_are_not_compared_but_costs_are(write_study: WriteStudy) -> None:
    axes = {"task.name": ["colorization", "inpainting"]}
    control, base = {"task.name": "colorization"}, {"train": {"steps": 5}}
    same = {"macs": "inpainting = colorization within 10%"}
    load_study(write_study(axes=axes, control=control, base=base, hypotheses=[same]), "tiny")
    path = write_study(axes=axes, control=control, base=base, hypotheses=[{"psnr": "inpainting > colorization"}])
    with pytest.raises(InputError, match="scores of inpainting and of colorization do not compare"):
        load_study(path, "tiny")


def test_1e_3_is_a_number(tmp_path: Path, write_study: WriteStudy) -> None:
    path = write_study(axes={"train.learning_rate": [0.0002, "RATE"]}, control={"train.learning_rate": 0.0002})
    path.write_text(path.read_text().replace("RATE", "1e-3"))
    assert [v.label for v in load_study(path, "tiny").variants] == ["learning_rate=0.0002", "learning_rate=0.001"]


def test_a_name_may_have_a_sign_in_it(write_study: WriteStudy) -> None:
    axes = {"loss.l1": {"λ ≥ 1": 1, "less": 0.1}}
    path = write_study(axes=axes, control={"loss.l1": "λ ≥ 1"}, hypotheses=[{"psnr": "λ ≥ 1 > less"}])
    assert [str(h) for h in load_study(path, "tiny").hypotheses] == ["psnr: λ ≥ 1 > less"]


def _with_matching_control(key: str, value: object) -> dict[str, object]:
    if key == "axes" and isinstance(value, dict):
        return {"axes": value, "control": {axis: next(iter(values)) for axis, values in value.items() if values}}
    return {key: value}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.stepz=5", "command line: train.stepz=5: train.stepz: unknown key; did you mean steps?"),
        ("trian.steps=5", "command line: trian.steps: unknown key; did you mean train?"),
        ("train.steps=many", "train.steps: input should be a valid integer"),
        ("train.steps", "'train.steps' is not an override; write it as key=value"),
        ("generator.downsample=max_pool", "generator.downsample is an axis of"),
        ("generator={}", "generator.downsample is an axis of"),
        ("seed=3", "command line: seed=3: write seeds=[...] instead"),
        ("tiling.grid=3", "command line: tiling.grid=3: "),
        ("method=gam", "command line: method=gam: method: 'gam' is unknown; did you mean gan?"),
        ("loss.l1.kind=constant", "command line: loss.l1.kind=constant: loss.l1"),
        ("seeds=0", "command line: seeds: input should be greater than or equal to 1"),
        ("train.steps=[", "command line: 'train.steps=[': not a YAML value"),
        ("train.steps=${nothing}", "nothing"),
    ],
)
def test_a_bad_override_is_named(write_study: WriteStudy, override: str, message: str) -> None:
    with pytest.raises(InputError, match=r".") as error:
        load_study(write_study(), "tiny", overrides=(override,))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: [", ":1: not valid YAML"),
        ("- a\n- b\n", ":1: a study is a mapping"),
        ("", ":1: a study is a mapping"),
        ("title: a\nclaim: b\ntitle: c\n", ":3: title: is given twice, the first time on line 1"),
        ("title: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
        ("a: &x [*x]\n", ":1: an alias that contains itself"),
    ],
)
def test_a_file_that_is_no_study_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_study(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            load_study(path)
