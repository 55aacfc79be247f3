"""The counts of Yu et al. 2019, and its discriminator's spectral norm."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from baselines.yu2019 import PatchDiscriminator, Yu2019
from bench.config import RunConfig


def test_the_published_counts() -> None:
    method = Yu2019(RunConfig.model_validate({"task": "inpainting"}), 3, 3, torch.device("cpu"))
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in method.networks.items()}
    assert counts == {"generator": 4_052_478, "discriminator": 5_946_816}
    assert sum(p.numel() for p in method.generator.coarse.parameters()) == 1_631_151
    assert sum(p.numel() for p in method.generator.refine.parameters()) == 2_421_327
    assert all(group["betas"] == (0.5, 0.999) for o in method.optimizers.values() for group in o.param_groups)


@pytest.mark.parametrize(("size", "left"), [(256, 4), (128, 2), (64, 1)])
def test_every_patch_and_feature_is_a_score(size: int, left: int) -> None:
    with torch.device("meta"):
        assert PatchDiscriminator()(torch.rand(2, 4, size, size)).shape == (2, 256, left, left)


def vectors(d: PatchDiscriminator) -> list[Tensor]:
    return [buffer.clone() for name, buffer in d.named_buffers() if name.endswith("_u")]


def test_the_spectral_norm_is_one() -> None:
    torch.manual_seed(0)
    d = PatchDiscriminator()
    x = torch.rand(1, 4, 64, 64)
    for _ in range(30):
        d(x)
    for convolution in d.layers[::2]:
        assert isinstance(convolution.weight, Tensor)
        assert torch.linalg.svdvals(convolution.weight.flatten(1))[0].item() == pytest.approx(1, abs=0.02)


def test_the_power_iteration_moves_in_training_alone() -> None:
    d = PatchDiscriminator()
    start = vectors(d)
    assert len(start) == 6
    d.eval()(torch.rand(1, 4, 64, 64))
    assert all(map(torch.equal, start, vectors(d)))
    d.train()(torch.rand(1, 4, 64, 64))
    assert not any(map(torch.equal, start, vectors(d)))


def test_d_starts_from_glorots_weights() -> None:
    """Uniform up to sqrt(6 / (fan in + fan out)), biases 0."""
    torch.manual_seed(0)
    last = PatchDiscriminator().layers[-2]
    bound = (6 / (256 * 25 * 2)) ** 0.5
    assert last.parametrizations.weight.original.abs().max().item() == pytest.approx(bound, rel=1e-3)
    assert not last.bias.any()
