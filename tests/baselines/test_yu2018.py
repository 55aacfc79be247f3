"""The counts, the critics and the losses of Yu et al. 2018 by hand."""

from __future__ import annotations

import pytest
import torch

from baselines.yu2018 import GLOBAL_WIDTHS, LOCAL_WIDTHS, Critic, Yu2018, around, crop, discount, gradient_penalty
from bench.config import RunConfig
from bench.data.tasks import square_masks


def test_the_published_counts() -> None:
    method = Yu2018(RunConfig.model_validate({"task": "inpainting"}), 3, 3, torch.device("cpu"))
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in method.networks.items()}
    assert counts == {"generator": 3_601_542, "discriminator_global": 2_733_441, "discriminator_local": 4_339_329}
    assert sum(p.numel() for p in method.generator.coarse.parameters()) == 1_448_227
    assert sum(p.numel() for p in method.generator.refine.parameters()) == 2_153_315
    assert all(group["betas"] == (0.5, 0.9) for o in method.optimizers.values() for group in o.param_groups)


@pytest.mark.parametrize(("size", "local_side", "heads"), [(64, 32, (4096, 2048)), (128, 64, (16384, 8192))])
def test_smaller_images_shrink_the_critics_heads_alone(size: int, local_side: int, heads: tuple[int, int]) -> None:
    with torch.device("meta"):
        critics = Critic(GLOBAL_WIDTHS, size), Critic(LOCAL_WIDTHS, local_side)
    counts = tuple(sum(p.numel() for p in critic.parameters()) for critic in critics)
    assert counts == (2_667_904 + heads[0] + 1, 4_306_560 + heads[1] + 1)


@pytest.mark.parametrize(("hole", "side"), [(0.25, 32), (0.5, 32), (0.7, 45)])
def test_the_local_critic_sees_the_whole_hole(hole: float, side: int) -> None:
    fields = {"task": {"name": "inpainting", "hole": hole}, "data": {"image_size": 64}, "tiling": {"grid": 1}}
    assert Yu2018(RunConfig.model_validate(fields), 3, 3, torch.device("cpu")).side == side


def test_the_square_lies_around_the_hole_and_in_the_image() -> None:
    mask = torch.zeros(3, 1, 16, 16)
    mask[0, :, 6:10, 6:10] = mask[1, :, 0:4, 11:15] = mask[2, :, 12:16, 3:7] = 1
    square = around(mask, 8)
    assert square.rows[:, 0].tolist() == [4, 0, 8]
    assert square.columns[:, 0].tolist() == [4, 8, 1]
    places = torch.arange(256.0).view(1, 1, 16, 16).expand(3, 2, 16, 16)
    assert torch.equal(crop(places, square)[1, 1], places[0, 0, 0:8, 8:16])
    assert crop(mask, square).sum(dim=(1, 2, 3)).tolist() == [16, 16, 16]
    masks = square_masks([[i] for i in range(50)], 64, 64, 0.25, torch.device("cpu"))
    assert (crop(masks, around(masks, 32)).sum(dim=(1, 2, 3)) == 256).all()


def test_the_discount_by_hand() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:6, 3:7] = 1
    depth = torch.tensor([[0.0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 2, 1], [0, 1, 1, 1]])
    torch.testing.assert_close(discount(mask)[0, 0, 2:6, 3:7], 0.9**depth)


def test_the_penalty_of_a_linear_critic() -> None:
    """Its gradient is its weight everywhere: 3 in nine pixels of the hole is a slope of 9, whatever lies outside."""
    mask = torch.zeros(2, 1, 8, 8)
    mask[..., 1:4, 1:4] = 1
    weight = torch.where(mask > 0, 3.0, 50.0).requires_grad_()
    penalty = gradient_penalty(lambda x: (x * weight).sum(dim=(1, 2, 3)), torch.rand(2, 1, 8, 8), -mask, mask)
    assert penalty.item() == pytest.approx(64)
    (gradient,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(gradient, mask * 8 / 3)  # 2 (9 - 1) 3 / 9, and each image is half of the mean


def test_the_penalty_is_taken_between_real_and_fake() -> None:
    seen = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach())
        return x.sum(dim=(1, 2, 3))

    gradient_penalty(critic, torch.zeros(4, 1, 2, 2), torch.ones(4, 1, 2, 2), torch.ones(4, 1, 2, 2))
    shares = seen[0].flatten(1)
    assert torch.equal(shares, shares[:, :1].expand(4, 4))
    assert len(set(shares[:, 0].tolist())) == 4
    assert ((shares >= 0) & (shares <= 1)).all()
