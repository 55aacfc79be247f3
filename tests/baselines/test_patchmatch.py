"""PatchMatch, on a pattern whose continuation is known."""

from __future__ import annotations

import pytest
import torch
from skimage import data
from torch import Tensor

from baselines.classical import PatchMatch
from bench.config import RunConfig
from bench.data.tasks import Batch, build_task

CONFIG = RunConfig.model_validate({"method": "patchmatch", "task": "inpainting", "data": {"image_size": 64}})


def fill(rgb: Tensor, top: int, left: int, side: int) -> tuple[Tensor, Batch]:
    """rgb: (B, 3, H, W) in [0, 1]."""
    mask = torch.zeros_like(rgb[:, :1])
    mask[:, :, top : top + side, left : left + side] = 1
    target = 2 * rgb - 1
    batch = Batch(torch.where(mask > 0, -1.0, target), target, mask)
    return PatchMatch(CONFIG, 3, 3, torch.device("cpu")).predict(batch), batch


def photographs() -> Tensor:
    """(2, 3, 64, 64)"""
    image = torch.from_numpy(data.chelsea()[:64, :128]).permute(2, 0, 1).float() / 255
    return torch.stack([image[:, :, :64], image[:, :, 64:]])


@pytest.mark.parametrize(("top", "left"), [(24, 20), (30, 24), (8, 40)])
def test_stripes_go_on(top: int, left: int) -> None:
    stripes = (torch.arange(64) // 16 % 2).float()
    output, batch = fill(stripes.expand(1, 3, 64, 64).contiguous(), top, left, 16)
    torch.testing.assert_close(output, batch.target, rtol=0, atol=0.05)


def test_a_colour_goes_on_exactly_in_8_bits() -> None:
    colour = torch.tensor([10, 200, 77]).view(1, 3, 1, 1) / 255
    output, batch = fill(colour.expand(1, 3, 64, 64).contiguous(), 0, 48, 16)  # in a corner
    torch.testing.assert_close(output, batch.target, rtol=0, atol=1e-6)


def test_it_repeats_and_each_image_is_by_itself() -> None:
    output, batch = fill(photographs(), 20, 30, 16)
    again, _ = fill(photographs(), 20, 30, 16)
    alone, _ = fill(photographs()[1:], 20, 30, 16)
    assert torch.equal(output, again)
    assert torch.equal(output[1:], alone)
    assert batch.mask is not None
    known = (batch.mask == 0).expand_as(output)
    assert torch.equal(output[known], batch.input[known])


def test_what_is_under_the_hole_does_not_matter_nor_the_mask_channel() -> None:
    rgb = photographs()
    task = build_task(RunConfig.model_validate({"task": {"name": "inpainting", "mask_known": True}}).task)
    told = task.batch(rgb, [[1], [2]])
    method = PatchMatch(CONFIG, 4, 3, torch.device("cpu"))
    blind = Batch(told.target, told.target, told.mask)  # with the answer under the hole
    assert torch.equal(method.predict(told), method.predict(blind))
