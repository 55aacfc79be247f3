"""Mistakes in studies and overrides: each is named with its file, line and fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import WriteStudy

from bench.errors import InputError
from bench.study.load import load_study

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
    ("axes", {"seed": [0, 1]}, "axes.seed: is varied by `seeds`"),
    ("axes", {"generator.norm.x": [0, 1]}, "axes.generator.norm.x: lies inside a value; name the field itself"),
    ("base", {"seed": 3}, "base.seed: is varied by `seeds`"),
    ("base", {"task": ["colorization"]}, "base.task: ['colorization'] is not a mapping; its keys are: name"),
    ("base", {"task": {"mask_known": True}}, "base.task: task.mask_known belongs to inpainting"),
    ("baselines", ["telea"], "baselines: telea does inpainting, not colorization"),
    ("metrics", ["psnr", "psnr_hole"], "metrics[1]: psnr_hole needs a task with a hole: inpainting"),
    ("axes", {"partition": {"a": {}, "b": {"tilng.grid": 1}}}, "axes.partition.b.tilng.grid: unknown key"),
    ("axes", {"partition": {"a": {}, "b": {"tiling.gird": 1}}}, "axes.partition.b.tiling.gird: unknown key"),
    ("axes", {"partition": {"a": {}, "b": {"tiling.grid": "x"}}}, "partition.b.tiling.grid: input should be a"),
    ("axes", {"partition": {"a": {}, "b": 3}}, "axes.partition.b: partition is not a config field, so write its"),
    ("axes", {"partition": {"a": {}, "b < c": {}}}, "axes.partition.b < c: a name with <, > or = would be ambiguous"),
    ("axes", {"partition": ["a"]}, "axes.partition: unknown key; did you mean"),
    ("axes", {"generator.norm": {"on": "batch", "off": "btach"}}, "generator.norm.off: 'btach' is not allowed"),
    ("scales", {"tiny": {"axes": {"a": [1]}}}, "scales.tiny.axes.a: is not an axis; allowed: generator.downsample"),
    ("scales", {"tiny": {"axes": {"generator.downsample": {"a": 1}}}}, "is a list here and a mapping in `axes`"),
    ("scales", {"tiny": {"axes": {"generator.downsample": ["strided_conv", "x"]}}}, "[1]: 'x' is not allowed"),
    ("baselines", ["gan"], "baselines: gan is a variant already"),
    ("seeds", True, "seeds: input should be a valid integer"),
    ("axes", {"generator": [{"dept": 1}]}, "axes.generator[0].dept: unknown key; did you mean depth?"),
    ("axes", {"generator.norm": []}, "axes.generator.norm: list should have at least 1 item"),
    ("axes", {"train.d_steps": list(range(1, 1002))}, "1,001 variants x 1 seed are 1,001 runs; the most is 1,000"),
    ("axes", {"p": {"a": {}, "b": {"seed": 7}}}, "axes.p.b.seed: is varied by `seeds`"),
    ("axes", {"p": {"a": {}, " ": {"train.d_steps": 3}}}, "a value needs a name"),
    ("axes", {"p": {"ground truth": {}, "b": {"train.d_steps": 3}}}, "ground truth labels a picture in reports"),
    ("axes", {"p": {"input": {}, "b": {"train.d_steps": 3}}}, "input labels a picture in reports"),
    ("axes", {"p": {"bell\x07": {}, "b": {"train.d_steps": 3}}}, "'bell\\x07' cannot be printed"),
    ("axes", {"p": {"a": {}, "b": {"generator.depth": 2, "generator": {"depth": 1}}}}, "sets generator.depth a second"),
    ("axes", {"generator.depth": [2, 3], "p": {"a": {}, "b": {"generator": {"depth": 1}}}}, "a field has one axis"),
    ("control", {"generator.norm": "batch"}, "control.generator.norm: is not an axis; did you mean generator."),
    ("control", {}, "control: lacks the axis generator.downsample"),
    ("control", "strided_conv", "control: write the axis with its value, `AXIS: strided_conv`"),
    ("base", {"train.steps": 16}, "base.train.steps: unknown key; write it nested, `train: {steps: ...}`"),
    ("base", {"data": {"path": "pictures"}}, "data.path belongs to data.name folder and places365; give your folder"),
    ("scales", {"paper": {"base": {"tran": {"steps": 3}}}}, "scales.paper.base.tran: unknown key; did you mean train?"),
    ("control", {"generator.downsample": "pool"}, "'pool' is not on the axis; allowed: strided_conv, max_pool"),
    ("seeds", [1, 1], "seeds: [1, 1] has a seed twice"),
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
    ("hypotheses", [{"steps_to_colorfulness": "strided_conv < max_pool"}], "colorfulness has no better direction"),
    ("hypotheses", [{"psnr_hole@25%": "strided_conv < max_pool"}], "strided_conv has no hole, which psnr_hole needs"),
    ("hypotheses", [{"steps_to_lpips": "strided_conv < max_pool"}], "there is no curve of 'lpips'"),
    ("hypotheses", [{"psnr@0%": "strided_conv < max_pool"}], "a share lies between 1% and 100%"),
    ("hypotheses", [{"lpips@5%": "strided_conv < max_pool"}], "there is no curve of 'lpips'"),
    ("hypotheses", [{"psnr": "max_pool > max_pool"}], "'max_pool' is compared with itself"),
    ("hypotheses", [{"psnr": "strided_conv > max_poll"}], "'max_poll' is not a variant; did you mean max_pool?"),
    ("scales", {"smal": {}}, "scales.smal: unknown key; did you mean small?"),
    ("scales", {"tiny": {"base": {"train": {"stepz": 1}}}}, "tiny.base.train.stepz: unknown key; did you mean steps?"),
    ("scales", {"paper": {"base": {"seed": 3}}}, "scales.paper.base.seed: is varied by `seeds`"),
    ("claim", None, "claim: is required"),
    ("claim", {"text": "", "section": "1"}, "claim.text: "),
]  # fmt: skip


def _with_matching_control(key: str, value: object) -> dict[str, object]:
    if key == "axes" and isinstance(value, dict):
        return {"axes": value, "control": {axis: next(iter(values)) for axis, values in value.items() if values}}
    return {key: value}


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


@pytest.mark.parametrize(
    ("quantity", "problem"),
    [
        ("steps_to_psnr", "gray is not trained, so it has none"),
        ("training_seconds", "gray is not trained, so it has none"),
        ("psnr@25%", "gray is not trained, so it has none"),
        ("macs", "gray has no networks, so its operations are not counted"),
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
    with pytest.raises(InputError, match="scores of inpainting and of colorization cannot be compared"):
        load_study(path, "tiny")


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
