"""pix2pix: the published counts, sizes, patches, names and schedule, and the promises of a method."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from skimage import data
from torch import nn

from baselines.pix2pix import Down, PatchGAN, Pix2Pix, PixelGAN, UNet, halvings, learning_rate
from bench.config import RunConfig
from bench.data.tasks import Batch, build_task
from bench.errors import InputError
from bench.measure.cost import count_cost
from bench.training.checkpoint import load_checkpoint, save_checkpoint
from bench.training.method import Progress

CPU = torch.device("cpu")
TASKS = {"colorization": {"name": "colorization"}, "inpainting": {"name": "inpainting", "mask_known": True}}


def config(task: str = "colorization", size: int = 64, **train: object) -> RunConfig:
    fields = {"task": TASKS[task], "data": {"image_size": size}, "train": {"batch_size": 2, **train}}
    return RunConfig.model_validate({"method": "pix2pix", **fields})


def build(run: RunConfig) -> Pix2Pix:
    task = build_task(run.task)
    return Pix2Pix(run, task.in_channels, task.out_channels, CPU)


def photographs(run: RunConfig, count: int = 2) -> Batch:
    """Crops of one photograph, side by side."""
    side = run.data.image_size
    image = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    rgb = torch.stack([image[:, :side, i * side : (i + 1) * side] for i in range(count)])
    return build_task(run.task).batch(rgb, [[i] for i in range(count)])


def size_of(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_published_counts() -> None:
    with torch.device("meta"):
        assert size_of(UNet(3, 3)) == 54_413_955
        assert size_of(UNet(1, 2)) == 54_409_858
        assert size_of(PatchGAN(6)) == 2_768_705
        assert size_of(PatchGAN(6, layers=1)) == 139_585
        assert size_of(PixelGAN(6)) == 9_024


@pytest.mark.parametrize(("size", "depth"), [(32, 5), (64, 6), (96, 5), (128, 7), (256, 8), (512, 8)])
def test_halvings(size: int, depth: int) -> None:
    assert halvings(size) == depth


@pytest.mark.parametrize("size", [16, 48, 100])
def test_a_size_that_cannot_be_halved_is_refused(size: int) -> None:
    with pytest.raises(InputError, match=f"multiple of 32, not {size}"):
        halvings(size)


@pytest.mark.parametrize(("size", "dropouts"), [(32, 0), (64, 1), (128, 2), (256, 3)])
def test_dropout_follows_the_innermost_layer(size: int, dropouts: int) -> None:
    with torch.device("meta"):
        rates = [up.dropout.p for up in UNet(3, 3, size).up]
    assert rates == [0.0] + [0.5] * dropouts + [0.0] * (len(rates) - 1 - dropouts)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_shapes_on_the_way(size: int) -> None:
    with torch.device("meta"):
        network, x = UNet(4, 3, size), torch.empty(1, 4, size, size)
        inner: list[torch.Size] = []
        assert isinstance(network.down[-1], Down)
        network.down[-1].register_forward_hook(lambda _, __, y: inner.append(y.shape))
        assert network(x).shape == (1, 3, size, size)
        assert inner == [(1, 512, 1, 1)]
        assert PatchGAN(7)(torch.empty(1, 7, size, size)).shape == (1, 1, size // 8 - 2, size // 8 - 2)
        assert PixelGAN(7)(torch.empty(1, 7, size, size)).shape == (1, 1, size, size)


@pytest.mark.parametrize(
    ("network", "pixels"), [(PatchGAN(3), 70), (PatchGAN(3, layers=1), 16), (PixelGAN(3), 1)], ids=["70", "16", "1"]
)
def test_a_score_sees_a_patch_of_that_many_pixels(network: nn.Module, pixels: int) -> None:
    network.eval()  # in training BatchNorm mixes all patches
    x = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0)).requires_grad_()
    scores = network(x)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    assert x.grad is not None
    rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    columns = x.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
    assert len(rows) == len(columns) == rows[-1] - rows[0] + 1 == pixels


def test_the_learning_rate_falls_in_the_second_half() -> None:
    assert [learning_rate(x) for x in (0, 0.25, 0.5)] == [2e-4] * 3
    assert [learning_rate(x) for x in (0.75, 0.95, 1)] == pytest.approx([1e-4, 2e-5, 0], abs=1e-12)
    method = build(config())
    method.update(photographs(method.config), Progress(3, 0.75))
    assert {optimizer.param_groups[0]["lr"] for optimizer in method.optimizers.values()} == {1e-4}


def test_first_weights() -> None:
    network = build(config()).generator
    assert network.down[3].conv.weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert network.up[1].norm.weight.mean().item() == pytest.approx(1, rel=0.01)
    assert not network.up[-1].conv.bias.any()


@pytest.mark.parametrize("task", TASKS)
def test_predictions_are_in_range_and_repeat_and_stand_alone(task: str) -> None:
    method = build(config(task))
    batch = photographs(method.config)
    method.update(batch, Progress(0, 0))
    both = method.predict(batch)
    assert both.shape == batch.target.shape
    assert both.abs().max() <= 1
    assert not both.requires_grad
    assert torch.equal(both, method.predict(batch))
    alone = method.predict(Batch(batch.input[1:], batch.target[1:]))
    torch.testing.assert_close(alone, both[1:], rtol=0, atol=1e-6)


def test_cost() -> None:
    method = build(config("inpainting"))
    cost = count_cost(method, photographs(method.config, 1))
    assert cost.parameters_generator == size_of(method.generator)
    assert cost.parameters_total == cost.parameters_generator + size_of(method.discriminator)
    first, last = 32 * 32 * 64 * 4 * 16, 32 * 32 * 128 * 3 * 16  # MACs of the outermost layers, by hand
    assert cost.macs > first + last


def test_bf16() -> None:
    method = build(config(precision="bf16"))
    batch = photographs(method.config)
    assert all(loss.dtype == torch.float32 for loss in method.update(batch, Progress(0, 0)).values())
    assert method.predict(batch).dtype == torch.float32


@pytest.mark.slow
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path) -> None:
    method, other = build(config()), build(config())
    batch = photographs(method.config)
    method.update(batch, Progress(0, 0.6))
    save_checkpoint(tmp_path / "a", method, {})
    load_checkpoint(tmp_path / "a", other)
    torch.manual_seed(1)  # what was drawn elsewhere does not matter
    ours, theirs = (m.update(batch, Progress(1, 0.7)) for m in (other, method))
    assert ours == theirs
    for name, network in method.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, other.networks[name].state_dict()[key]), (name, key)


@pytest.mark.slow
@pytest.mark.parametrize("size", [128, 256])
def test_larger_images(size: int) -> None:
    method = build(config(size=size))
    batch = photographs(method.config, 1)
    assert all(loss.isfinite() for loss in method.update(batch, Progress(0, 0)).values())
    assert method.predict(batch).shape == (1, 2, size, size)
