"""Iizuka et al. 2017: the published counts and phases, the local patch, the composite, and the promises of a method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor, nn

from baselines.iizuka2017 import (
    CompletionNetwork,
    ContextDiscriminator,
    Iizuka2017,
    corners,
    crop,
    mean_rgb,
    phase,
    random_corners,
)
from bench.config import RunConfig
from bench.data.tasks import Batch, build_task
from bench.errors import InputError
from bench.measure.cost import count_cost
from bench.training.checkpoint import load_checkpoint, save_checkpoint
from bench.training.method import Progress

CPU = torch.device("cpu")
COLOURS = [(10, 60, 200), (180, 20, 30)]  # of the two training images
COMPLETION, DISCRIMINATOR, BOTH = 0.0, 0.19, 0.5  # shares of the budget inside each phase


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two training images, each of one colour, and one to validate."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    for name, colour in zip(("train/a", "train/b", "val/c"), [*COLOURS, (0, 0, 0)], strict=True):
        path = tmp_path / "photographs" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((256, 256, 3), colour, np.uint8)).save(path)
    return tmp_path / "photographs"


def config(folder: Path, size: int = 64, mask_known: bool = False, **train: Any) -> RunConfig:
    images = {"name": "folder", "path": str(folder), "image_size": size, "scales": [1.0]}
    task = {"name": "inpainting", "mask_known": mask_known}
    fields = {"method": "iizuka2017", "task": task, "data": images, "train": {"batch_size": 2, **train}}
    return RunConfig.model_validate(fields)


def build(run: RunConfig) -> Iizuka2017:
    return Iizuka2017(run, build_task(run.task).in_channels, 3, CPU)


def photographs(run: RunConfig, count: int = 2) -> Batch:
    """Crops of one photograph, side by side."""
    side = run.data.image_size
    image = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    rgb = torch.stack([image[:, :side, i * side : (i + 1) * side] for i in range(count)])
    return build_task(run.task).batch(rgb, [[i] for i in range(count)])


def weights(network: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def moved(before: list[Tensor], network: nn.Module) -> bool:
    return not all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def size_of(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_published_counts() -> None:
    with torch.device("meta"):
        generator, discriminator = CompletionNetwork(), ContextDiscriminator()
    assert size_of(generator) == 6_072_131
    assert size_of(discriminator) == 45_063_681
    assert [size_of(part) for part in discriminator.children()] == [19_253_248, 25_808_384, 2_049]


@pytest.mark.parametrize(("size", "left"), [(256, (4, 4)), (128, (2, 2)), (64, (1, 1)), (32, (1, 1)), (96, (2, 2))])
def test_shapes(size: int, left: tuple[int, int]) -> None:
    with torch.device("meta"):
        generator, discriminator = CompletionNetwork(), ContextDiscriminator(size)
        images, patches = torch.empty(2, 3, size, size), torch.empty(2, 3, size // 2, size // 2)
        assert generator(images, images[:, :1]).shape == images.shape
        assert discriminator(images, patches).shape == (2, 1)
    assert (discriminator.local.side, discriminator.whole.side) == left


def test_phases() -> None:
    g, d, both = (True, False), (False, True), (True, True)  # who learns
    assert [phase(step / 500_000) for step in (0, 89_999, 90_000, 99_999, 100_000, 499_999)] == [g, g, d, d, both, both]


@pytest.mark.slow
def test_who_learns_when(folder: Path) -> None:
    method = build(config(folder))
    batch = photographs(method.config)
    for step, (fraction, expected, losses) in enumerate(
        [
            (COMPLETION, (True, False), {"mse"}),
            (DISCRIMINATOR, (False, True), {"mse", "d_real", "d_fake"}),
            (BOTH, (True, True), {"mse", "d_real", "d_fake", "g_adversarial"}),
        ]
    ):
        g, d = weights(method.generator), weights(method.discriminator)
        assert method.update(batch, Progress(step, fraction)).keys() == losses
        assert (moved(g, method.generator), moved(d, method.discriminator)) == expected


@pytest.mark.parametrize(
    ("hole", "corner"),
    [
        ((0, 0, 4), (0, 0)),  # top, left, side of the hole; in the corner the patch of 8 cannot be around it
        ((12, 12, 4), (8, 8)),
        ((6, 9, 4), (4, 7)),  # around it: 2 px on each side
        ((5, 5, 3), (2, 2)),  # 5 px to share: 3 before, 2 behind
        ((12, 0, 2), (8, 0)),
        ((2, 3, 12), (4, 5)),  # larger than the patch: its middle
    ],
)
def test_the_local_patch_is_around_the_hole(hole: tuple[int, int, int], corner: tuple[int, int]) -> None:
    top, left, side = hole
    mask = torch.zeros(1, 1, 16, 16)
    mask[:, :, top : top + side, left : left + side] = 1
    assert corners(mask, 8).tolist() == [list(corner)]
    assert crop(mask, corners(mask, 8), 8).sum() == min(side, 8) ** 2  # all of the hole that fits


def test_crops() -> None:
    images = torch.arange(2 * 3 * 6 * 5.0).view(2, 3, 6, 5).requires_grad_()
    cut = crop(images, torch.tensor([[0, 2], [3, 1]]), 3)
    assert torch.equal(cut, torch.stack([images[0, :, 0:3, 2:5], images[1, :, 3:6, 1:4]]))
    (gradient,) = torch.autograd.grad(cut.sum(), images)
    assert gradient.sum() == 2 * 3 * 3 * 3


def test_other_holes_are_inside_and_anywhere(folder: Path) -> None:
    found = random_corners(2000, config(folder), CPU)  # holes of 16 in 64 px, patches of 32
    assert (found.min(), found.max()) == (0, 32)
    # the hole is at 0 .. 48, the patch 8 before it: 0 for 9 places of 49, 32 for 9 more
    assert (found == 0).float().mean().item() == pytest.approx(9 / 49, abs=0.02)


def test_the_mean_colour_is_what_fills_the_hole(folder: Path) -> None:
    run = config(folder)
    assert mean_rgb(run.data) == pytest.approx([95 / 255, 40 / 255, 115 / 255])
    network = build(run).generator
    image = torch.tensor([95, 40, 115]).view(1, 3, 1, 1).expand(1, 3, 8, 8) / 127.5 - 1
    torch.testing.assert_close(network.centred(image), torch.zeros(1, 3, 8, 8), rtol=0, atol=1e-6)
    holed, mask = image.clone(), torch.zeros(1, 1, 8, 8)
    mask[:, :, 2:5, 2:5], holed[:, :, 2:5, 2:5] = 1, -1
    seen: list[Tensor] = []
    network.layers.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.eval()(holed, mask)
    assert torch.equal(seen[0][:, 3:], mask)
    torch.testing.assert_close(seen[0][:, :3], torch.zeros(1, 3, 8, 8), rtol=0, atol=1e-6)


def test_the_loss_is_the_squared_error_in_the_hole(folder: Path) -> None:
    method = build(config(folder))
    batch = photographs(method.config)
    nn.init.zeros_(method.generator.layers[-1].weight)
    nn.init.zeros_(method.generator.layers[-1].bias)  # sigmoid(0): everything is 1/2
    error = ((batch.target + 1) / 2 - 0.5).square() * batch.mask
    loss = method.update(batch, Progress(0, COMPLETION))["mse"]
    assert loss.item() == pytest.approx(error.sum().item() / (2 * 3 * 64 * 64))


@pytest.mark.parametrize("mask_known", [False, True])
def test_predictions(folder: Path, mask_known: bool) -> None:
    method = build(config(folder, mask_known=mask_known))
    batch = photographs(method.config)
    method.update(batch, Progress(0, COMPLETION))
    assert batch.mask is not None
    output, image = method.predict(batch), batch.input[:, :3]
    hole = (batch.mask > 0).expand_as(image)
    assert torch.equal(output[~hole], image[~hole])
    assert (output[hole] != image[hole]).all()
    assert output.abs().max() <= 1
    assert not output.requires_grad
    assert torch.equal(output, method.predict(batch))
    alone = method.predict(Batch(batch.input[1:], batch.target[1:], batch.mask[1:]))
    torch.testing.assert_close(alone, output[1:], rtol=0, atol=1e-5)


def test_refusals(folder: Path) -> None:
    method = build(config(folder))
    batch = photographs(method.config)
    with pytest.raises(ValueError, match="this task has none"):
        method.predict(Batch(batch.input, batch.target))
    with pytest.raises(InputError, match="batch_size of 2"):
        build(config(folder, batch_size=1))


def test_cost(folder: Path) -> None:
    method = build(config(folder))
    cost = count_cost(method, photographs(method.config, 1))
    assert cost.parameters_generator == 6_072_131
    first, middle = 64 * 64 * 64 * 4 * 25, 8 * 16 * 16 * 256 * 256 * 9  # by hand: the 5x5 layer, the eight at a quarter
    assert cost.macs > first + middle


def test_a_resumed_run_is_the_uninterrupted_one(folder: Path, tmp_path: Path) -> None:
    method, other = build(config(folder, size=32)), build(config(folder, size=32))
    batch = photographs(method.config)
    method.update(batch, Progress(0, BOTH))
    save_checkpoint(tmp_path / "a", method, {})
    load_checkpoint(tmp_path / "a", other)
    torch.manual_seed(1)  # what was drawn elsewhere does not matter
    ours, theirs = (m.update(batch, Progress(1, BOTH)) for m in (other, method))
    assert ours == theirs
    for name, network in method.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, other.networks[name].state_dict()[key]), (name, key)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "count"), [(128, 2), (256, 1)])
def test_larger_images(folder: Path, size: int, count: int) -> None:
    method = build(config(folder, size=size, batch_size=count))
    batch = photographs(method.config, count)
    assert all(loss.isfinite() for loss in method.update(batch, Progress(0, BOTH)).values())
    assert method.predict(batch).shape == (count, 3, size, size)
