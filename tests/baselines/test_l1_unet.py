"""L1 alone against the GAN that it is the pretraining of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.l1_unet import L1UNet
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.training.checkpoint import load_checkpoint, save_checkpoint
from bench.training.gan import GAN
from bench.training.method import Method, Progress

STEPS = 6
CPU = torch.device("cpu")


def config(seed: int = 0, pretrain_steps: int = STEPS, **train: Any) -> RunConfig:
    fields = {
        "data": {"image_size": 32},
        "generator": {"width": 4, "depth": 2},
        "tiling": {"grid": 2},
        "discriminator": {"width": 4},
        "train": {"steps": STEPS, "pretrain_steps": pretrain_steps, "batch_size": 3, "learning_rate": 1e-2, **train},
        "seed": seed,
    }
    return RunConfig.model_validate(fields)


def learn(method: Method, first: int, steps: int, c_in: int = 1, c_out: int = 2) -> list[dict[str, float]]:
    losses = []
    for step in range(first, first + steps):
        noise = torch.rand((3, c_in + c_out, 32, 32), generator=torch.Generator().manual_seed(step)) * 2 - 1
        update = method.update(Batch(noise[:, :c_in], noise[:, c_in:]), Progress(step, step / STEPS))
        losses.append({name: loss.item() for name, loss in update.items()})
    return losses


def values(method: Method) -> dict[str, Tensor]:
    """Weights, buffers and the optimisers' moments of all but D."""
    weights = {f"{n}/{k}": v for n, net in method.networks.items() for k, v in net.state_dict().items()}
    adam = method.optimizers["generator"].state_dict()["state"]
    weights |= {f"adam/{i}/{key}": value for i, moments in adam.items() for key, value in moments.items()}
    return {name: value.clone() for name, value in weights.items() if not name.startswith("discriminator/")}


def assert_identical(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def test_there_is_no_d() -> None:
    assert list(L1UNet(config(), 1, 2, CPU).networks) == ["generator"]
    method = L1UNet(config(ema=0.9), 1, 2, CPU)
    assert (list(method.networks), list(method.optimizers)) == (["generator", "average"], ["generator"])


@pytest.mark.parametrize(("c_in", "c_out"), [(1, 2), (3, 3), (4, 3)])
@pytest.mark.parametrize("train", [{}, {"ema": 0.9}, {"precision": "bf16"}])
def test_it_is_the_gan_whose_pretraining_never_ends(train: dict[str, Any], c_in: int, c_out: int) -> None:
    ours, gan = L1UNet(config(**train), c_in, c_out, CPU), GAN(config(**train), c_in, c_out, CPU)
    assert_identical(values(ours), values(gan))
    start = values(ours)
    assert learn(ours, 0, STEPS, c_in, c_out) == learn(gan, 0, STEPS, c_in, c_out)
    assert_identical(values(ours), values(gan))
    assert not torch.equal(
        start["generator/unet.down.0.conv.weight"], values(ours)["generator/unet.down.0.conv.weight"]
    )
    x = Batch(torch.rand(2, c_in, 32, 32), torch.rand(2, c_out, 32, 32))
    assert torch.equal(ours.predict(x), gan.predict(x))


def test_pretraining_steps_say_nothing() -> None:
    all_of_it, none_of_it = L1UNet(config(), 1, 2, CPU), L1UNet(config(pretrain_steps=0), 1, 2, CPU)
    assert learn(all_of_it, 0, STEPS) == learn(none_of_it, 0, STEPS)


def test_the_loss_falls_to_what_can_be_known() -> None:
    x = torch.rand((4, 1, 32, 32), generator=torch.Generator().manual_seed(0)) * 2 - 1
    batch = Batch(x, torch.cat([x / 2, x.new_full(x.shape, 0.25)], dim=1))
    method = L1UNet(config(), 1, 2, CPU)
    losses = [method.update(batch, Progress(step, 0))["l1"] for step in range(60)]
    assert (losses[0].shape, losses[0].requires_grad) == ((), False)
    assert losses[0] == pytest.approx(0.25, abs=0.05)  # all outputs begin near 0, and x / 2 is 0.25 off on average
    assert losses[-1] < 0.4 * losses[0]


def test_a_checkpoint_brings_it_back_bit_by_bit(tmp_path: Path) -> None:
    one, other = L1UNet(config(ema=0.9), 1, 2, CPU), L1UNet(config(ema=0.9, seed=1), 1, 2, CPU)
    learn(one, 0, 3)
    save_checkpoint(tmp_path / "checkpoint", one, {"step": 3})
    assert load_checkpoint(tmp_path / "checkpoint", other) == {"step": 3}
    assert_identical(values(other), values(one))
    assert learn(other, 3, 3) == learn(one, 3, 3)
    assert_identical(values(other), values(one))


def test_predicting_changes_nothing() -> None:
    method = L1UNet(config(), 1, 2, CPU)
    learn(method, 0, 2)
    before = values(method)
    output = method.predict(Batch(torch.rand(3, 1, 32, 32), torch.rand(3, 2, 32, 32)))
    assert (output.shape, output.dtype, output.requires_grad) == ((3, 2, 32, 32), torch.float32, False)
    assert_identical(values(method), before)
