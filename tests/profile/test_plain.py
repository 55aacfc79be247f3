"""The fast step is the plain step: same losses, whatever is done for speed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from baselines.pix2pix import Pix2Pix
from bench.config import RunConfig
from bench.data.batches import training_batch
from bench.profile.plain import PlainGAN
from bench.profile.reference import Pix2PixReference
from bench.study_file import SCALES
from bench.training.gan import GAN
from bench.training.method import Progress

CPU = torch.device("cpu")
STEPS = 20


def config(**changes: Any) -> RunConfig:
    tiny = SCALES["tiny"]
    return RunConfig.model_validate(
        {**tiny, **changes, "train": {**tiny["train"], "pretrain_steps": 3, "learning_rate": 3e-6}}
    )


@pytest.mark.parametrize("changes", [{}, {"loss": {"adversarial": "l2"}}, {"tiling": {"grid": 1, "context": "none"}}])
def test_the_fast_step_computes_the_losses_of_the_plain_step_over_20_steps(changes: dict[str, Any]) -> None:
    """At a rate at which the losses move by 30 times the tolerance; at the default's Adam makes steps of 2e-4 of
    what rounding leaves of a gradient near 0, and the two part by 1e-4 after some steps, as any two roundings do."""
    of = config(**changes)
    fast, plain = GAN(of, 1, 2, CPU), PlainGAN(of, 1, 2, CPU)
    first: dict[str, float] = {}
    for step in range(STEPS):
        batch, progress = training_batch(of, step % 2, CPU), Progress(step, step / STEPS)
        ours, theirs = (
            {name: loss.item() for name, loss in method.update(batch, progress).items()} for method in (fast, plain)
        )
        assert set(ours) == ({"l1"} if step < 3 else {"l1", "d_real", "d_fake", "g_adversarial"})
        assert ours == pytest.approx(theirs, abs=1e-5)
        if step in (4, 18):
            first = first or ours
    assert all(abs(ours[name] - first[name]) > 3e-4 for name in ("d_real", "g_adversarial"))


def test_the_reference_loop_is_pix2pix_without_what_is_done_for_speed() -> None:
    of = RunConfig.model_validate({"data": {"image_size": 32}, "tiling": {"grid": 1}, "train": {"batch_size": 2}})
    ours, reference = Pix2Pix(of, 1, 2, CPU), Pix2PixReference(of, 1, 2, CPU)
    for method in (ours, reference):  # dropout would draw other numbers
        for module in method.generator.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    for step in range(3):
        batch = training_batch(of, step, CPU)
        first, second = (m.update(batch, Progress(step, 0.0)) for m in (ours, reference))
        assert {k: v.item() for k, v in first.items()} == pytest.approx(
            {k: v.item() for k, v in second.items()}, rel=2e-3
        )
    assert sum(p.numel() for p in Pix2PixReference(RunConfig(), 1, 2, CPU).generator.parameters()) == 54_409_858
