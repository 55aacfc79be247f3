"""The paper's claims as studies: each has one, has hypotheses, and compares what its axes name."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import torch
from harness import ROOT, STUDIES

from bench.config import RunConfig
from bench.measure.cost import count_macs
from bench.models.generator import Generator
from bench.report.analysis.archive import load
from bench.report.analysis.frames import describe
from bench.study.load import load_study

CLAIMS = [
    "adversarial", "batchnorm", "colorization", "dataset_size", "discriminator_activation", "discriminator_depth",
    "discriminator_steps", "gan_loss", "generality", "generator_depth", "inpainting", "lambda_schedule", "pooling",
    "pretraining", "table1", "tiling", "tiling_context",
]  # fmt: skip
OUR_OWN = ["precision"]

ARCHIVES = sorted((ROOT / "reports").rglob("study.json"))


def test_every_claim_of_the_paper_is_a_study() -> None:
    assert [path.stem for path in STUDIES] == sorted(CLAIMS + OUR_OWN)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_quotes_a_section_and_expects_something(path: object) -> None:
    study = load_study(path)  # type: ignore[arg-type]
    assert bool(study.claim.section) == (study.name in CLAIMS)
    assert len(study.claim.text) > 40
    assert study.hypotheses


@pytest.mark.parametrize("scale", ["tiny", "small", "paper"])
def test_whole_images_are_compared_at_equal_parameters_and_at_equal_flops(scale: str) -> None:
    variants = {v.label: v.config for v in load_study(ROOT / "ablations" / "tiling.yaml", scale).variants}  # type: ignore[arg-type]
    parameters, macs = _cost(variants["tiled"])
    assert _cost(variants["whole, equal parameters"])[0] == pytest.approx(parameters, rel=0.08)  # a channel is 7% at 14
    assert _cost(variants["whole, equal FLOPs"])[1] == pytest.approx(macs, rel=0.02)
    judged = {label: _judge_layers(config) for label, config in variants.items()}
    assert len(set(judged.values())) == 1


def _cost(config: RunConfig) -> tuple[int, int]:
    generator = Generator(1, 2, config.generator, config.tiling)
    side = config.data.image_size
    return sum(p.numel() for p in generator.parameters()), count_macs(generator, torch.zeros(1, 1, side, side))


def _judge_layers(config: RunConfig) -> int:
    depth = config.discriminator.depth
    return depth if isinstance(depth, int) else config.tile_size.bit_length() - 3


@pytest.mark.parametrize("scale", ["tiny", "small", "paper"])
def test_table_1_is_of_the_papers_size_at_every_scale(scale: str) -> None:
    gan = load_study(ROOT / "ablations" / "table1.yaml", scale).control.config  # type: ignore[arg-type]
    assert (gan.data, gan.generator, gan.tiling, gan.discriminator) == (
        gan.data.model_copy(update={"image_size": 256}),
        RunConfig().generator,
        RunConfig().tiling,
        RunConfig().discriminator,
    )


def test_pretraining_leaves_the_budget_as_it_is() -> None:
    for scale in ("tiny", "small", "paper"):
        variants = load_study(ROOT / "ablations" / "pretraining.yaml", scale).variants  # type: ignore[arg-type]
        budgets = {(v.config.train.steps, v.config.train.batch_size) for v in variants}
        assert len(budgets) == 1
        assert [v.config.train.pretrain_steps > 0 for v in variants] == [True, False]


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_a_committed_report_is_of_the_study_as_it_is(path: Path) -> None:
    archived = load(path.parent).study
    bench, run, file, scale, name, *arguments = shlex.split(archived["command"])
    assert (bench, run, scale) == ("bench", "run", "--scale")
    data = arguments[1] if arguments[:1] == ["--data"] else None
    study = load_study(ROOT / file, name, data, tuple(arguments[2 if data else 0 :]))  # type: ignore[arg-type]
    today = json.loads(json.dumps(describe(study))) | {"command": archived["command"]}
    assert archived == today
