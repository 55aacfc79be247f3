"""The fast step is the plain step: same losses, whatever is done for speed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from baselines.pix2pix import Pix2Pix
from bench.config import RunConfig
from bench.data.batches import training_batch
from bench.profile.references import Pix2PixReference, PlainGAN
from bench.scales import SCALES
from bench.training.gan import GAN
from bench.training.method import Progress

CPU = torch.device("cpu")
STEPS = 20


def config(**changes: Any) -> RunConfig:
    tiny = SCALES["tiny"]
    return RunConfig.model_validate(
        {**tiny, **changes, "train": {**tiny["train"], "pretrain_steps": 3, "learning_rate": 2e-5}}
    )


def copy_state(of: Any, to: Any) -> None:
    for name, network in of.networks.items():
        to.networks[name].load_state_dict(network.state_dict())
        moments, own = of.optimizers[name].state_dict()["state"], to.optimizers[name].state_dict()
        to.optimizers[name].load_state_dict(own | {"state": copy.deepcopy(moments)})  # or both would move the same


def values(losses: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: loss.item() for name, loss in losses.items()}


@pytest.mark.parametrize("changes", [{}, {"loss": {"adversarial": "l2"}}, {"tiling": {"grid": 1, "context": "none"}}])
def test_the_fast_step_computes_the_losses_of_the_plain_step_over_20_steps(changes: dict[str, Any]) -> None:
    """Each from the same state, in which G and both of D's updates count for the last loss. Left alone the two agree to
    1e-7 for some steps and then part within one by 1e-4: an activation or an |error| near 0 that is rounded to the
    other side has another gradient."""
    of = config(**changes)
    fast, plain = GAN(of, 1, 2, CPU), PlainGAN(of, 1, 2, CPU)
    for step in range(STEPS):
        copy_state(fast, plain)
        batch, progress = training_batch(of, step, CPU), Progress(step, step / STEPS)
        ours = values(fast.update(batch, progress))
        assert set(ours) == ({"l1"} if step < 3 else {"l1", "d_real", "d_fake", "g_adversarial"})
        assert ours == pytest.approx(values(plain.update(batch, progress)), abs=1e-5)


def test_the_reference_loop_is_pix2pix_without_what_is_done_for_speed() -> None:
    of = RunConfig.model_validate({"data": {"image_size": 32}, "tiling": {"grid": 1}, "train": {"batch_size": 2}})
    ours, reference = Pix2Pix(of, 1, 2, CPU), Pix2PixReference(of, 1, 2, CPU)
    for method in (ours, reference):  # dropout would draw other numbers
        for module in method.generator.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    for step in range(3):
        batch = training_batch(of, step, CPU)
        first, second = (values(method.update(batch, Progress(step, 0.0))) for method in (ours, reference))
        assert first == pytest.approx(second, rel=2e-3)
    assert sum(p.numel() for p in Pix2PixReference(RunConfig(), 1, 2, CPU).generator.parameters()) == 54_409_858
