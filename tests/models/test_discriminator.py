"""The discriminator: the paper's parameter count, its depths, and what it is shown."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.config import DiscriminatorConfig, RunConfig, TilingConfig
from bench.data.tasks import Batch
from bench.models.discriminator import Discriminator, full_depth
from bench.models.generator import Generator
from bench.models.tiling import cut, cut_with_context
from bench.scales import SCALES
from bench.training.gan import GAN
from bench.training.method import Progress


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def small(tile_size: int, depth: int | str = "full", grid: int = 4, context: bool = True) -> Discriminator:
    config = DiscriminatorConfig.model_validate({"width": 4, "depth": depth, "context": context})
    return Discriminator(1, 2, tile_size, config, TilingConfig(grid=grid))


def test_the_default_model_has_2_767_553_parameters_and_with_the_generator_those_of_table_1() -> None:
    config = RunConfig()
    network = Discriminator(1, 2, config.tile_size, config.discriminator, config.tiling)
    counts = [parameters(layer) for layer in network.layers if parameters(layer)]
    assert counts == [
        4 * 64 * 16 + 64,  # tile, whole, a and b; no norm
        *(64 * 128 * 16 + 128, 2 * 128),
        *(128 * 256 * 16 + 256, 2 * 256),
        *(256 * 512 * 16 + 512, 2 * 512),
        512 * 1 * 16 + 1,
    ]
    assert sum(counts) == 2_767_553
    assert sum(counts) + parameters(Generator(1, 2, config.generator, config.tiling)) == 4_081_027


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"generator": {"norm_first": True}, "discriminator": {"norm_first": True}}, 2 * 128),  # section 3.1
        ({"tiling": {"merge": "learned"}}, 152),  # section 1: 5 x 5 over ab and L, to ab
        ({"tiling": {"context": "channel"}}, 64 * 16 - 128 * 128 * 16),  # section 4.1.1: an input channel, no latent
    ],
    ids=["norm_first", "learned", "channel"],
)
def test_what_the_papers_text_would_add_to_its_own_total(changes: dict[str, Any], more: int) -> None:
    config = RunConfig.model_validate({**SCALES["paper"], **changes})
    gan = GAN(config, 1, 2, torch.device("cpu"))
    assert sum(map(parameters, gan.networks.values())) == 4_081_027 + more


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize(("size", "depth"), [(8, 1), (8, 2), (16, 3)])
def test_the_first_layer_may_be_normalised_down_to_the_smallest_sub_image(norm: str, size: int, depth: int) -> None:
    section = {"norm": norm, "norm_first": True, "width": 4}
    config = RunConfig.model_validate(
        {
            "generator": section | {"depth": depth},
            "discriminator": section,
            "tiling": {"grid": 1},
            "data": {"image_size": size},
            "train": {"batch_size": 1, "pretrain_steps": 0},
        }
    )
    gan = GAN(config, 1, 2, torch.device("cpu"))
    kind = nn.BatchNorm2d if norm == "batch" else nn.InstanceNorm2d
    assert isinstance(gan.generator.unet.down[0].norm, kind)
    assert isinstance(gan.discriminator.layers[1], kind)
    losses = gan.update(Batch(noise(1, 1, size, size), noise(1, 2, size, size)), Progress(0, 0.5))
    assert all(torch.isfinite(loss) for loss in losses.values())


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_first_norm_without_norms_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}.norm_first has no effect where {name}.norm is none; remove it"):
        RunConfig.model_validate({name: {"norm": "none", "norm_first": True}})


@pytest.mark.parametrize(("size", "depth"), [(8, 1), (16, 2), (32, 3), (48, 3), (64, 4), (256, 6)])
def test_full_depth(size: int, depth: int) -> None:
    assert full_depth(size) == depth
    strided = [layer for layer in small(size).layers if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2)]
    assert len(strided) == depth


@pytest.mark.parametrize(("size", "side"), [(8, 1), (16, 1), (48, 3), (64, 1)])  # 48 is halved to 6x6, then 3x3
def test_full_depth_reaches_1x1_at_powers_of_two(size: int, side: int) -> None:
    assert small(size).layers(noise(2, 4, size, size)).shape == (2, 1, side, side)


@pytest.mark.parametrize("grid", [1, 2, 4])
@pytest.mark.parametrize("context", [False, True])
def test_one_score_a_tile(grid: int, context: bool) -> None:
    network = small(32 // grid, grid=grid, context=context)
    x, y = noise(3, 1, 32, 32), noise(3, 2, 32, 32, seed=1).requires_grad_()
    condition = network.condition(x)
    seen = 2 if context and grid > 1 else 1  # a whole image is its own context
    assert condition.shape == (3 * grid**2, seen, 32 // grid, 32 // grid)
    assert torch.equal(condition, cut_with_context(x, grid, seen == 2))
    scores = network(condition, y)
    assert scores.shape == (3 * grid**2,)
    scores.sum().backward()
    assert y.grad is not None
    assert y.grad.abs().sum() > 0


@pytest.mark.parametrize("told", ["none", "channel", "vector"])
def test_what_the_generator_is_told_of_the_whole_changes_nothing_for_the_discriminator(told: str) -> None:
    tiling = TilingConfig.model_validate({"grid": 2, "context": told})
    assert parameters(Discriminator(1, 2, 16, DiscriminatorConfig(), tiling)) == parameters(
        Discriminator(1, 2, 16, DiscriminatorConfig(), TilingConfig(grid=2))
    )


def test_a_score_is_of_its_own_tile() -> None:
    network = small(16, grid=2, context=False).eval()
    x, y = noise(2, 1, 32, 32), noise(2, 2, 32, 32, seed=1)
    changed = y.clone()
    changed[1, :, 16:, :16] = 0  # image 1, the lower left of its tiles: the seventh of eight
    condition = network.condition(x)
    differs = (network(condition, y) - network(condition, changed)).abs() > 1e-6
    assert differs.tolist() == [False] * 6 + [True, False]


def test_a_shallower_discriminator_averages_its_outputs() -> None:
    network = small(32, depth=2, grid=2).eval()
    x, y = noise(2, 1, 64, 64), noise(2, 2, 64, 64, seed=1)
    *body, last = network.layers
    features = nn.Sequential(*body)(torch.cat([network.condition(x), cut(y, 2)], dim=1))
    assert features.shape == (8, 8, 8, 8)  # 32 halved twice, 8 channels
    patches = features.unfold(2, 4, 1).unfold(3, 4, 1)  # (8, 8, 5, 5, 4, 4): 25 outputs a tile
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    outputs = torch.einsum("nchwij,cij->nhw", patches, last.weight[0]) + last.bias
    expected = outputs.sum(dim=(1, 2)) / 25
    torch.testing.assert_close(network(network.condition(x), y), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("activation", "at_minus_1"), [("leaky_relu", -0.2), ("relu", 0.0)])
def test_activation(activation: str, at_minus_1: float) -> None:
    config = DiscriminatorConfig.model_validate({"width": 4, "activation": activation})
    network = Discriminator(1, 2, 8, config, TilingConfig())
    assert network.layers[2](torch.tensor([-1.0, 2.0])).tolist() == pytest.approx([at_minus_1, 2.0])


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_every_norm_gives_finite_scores(norm: str) -> None:
    config = DiscriminatorConfig.model_validate({"width": 4, "norm": norm})
    network = Discriminator(1, 2, 8, config, TilingConfig(grid=2))
    x, y = noise(1, 1, 16, 16), noise(1, 2, 16, 16, seed=1)
    assert network(network.condition(x), y).isfinite().all()
