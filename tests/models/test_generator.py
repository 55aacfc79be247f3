"""The generator: the paper's parameter count, what every variant gives, and what a sub-image sees."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from bench.config import GeneratorConfig, RunConfig, TilingConfig
from bench.models.generator import Down, Generator
from bench.models.layers import initialise


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def small(seed: int = 0, **tiling: object) -> Generator:
    """Two layers of 4 and 8 channels, in eval mode, with weights large enough for outputs that differ."""
    network = Generator(1, 2, GeneratorConfig(width=4, depth=2), TilingConfig.model_validate(tiling))
    initialise(network, seed, "generator")
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.startswith("unet") and weight.ndim == 4:
                weight *= 10
    return network.eval()


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_default_model_has_1_313_474_parameters() -> None:
    config = RunConfig()
    unet = Generator(1, 2, config.generator, config.tiling).unet
    # kernel 4x4 + bias, then scale and shift of the norm, which the first layer has not
    encoder = [1 * 64 * 16 + 64, 64 * 128 * 16 + 128 + 2 * 128, 128 * 128 * 16 + 128 + 2 * 128]
    assert [parameters(down) for down in unet.down] == encoder
    # the latents of tile and whole (128 + 128), then what comes up and a skip (128 + 128, 64 + 64)
    decoder = [256 * 128 * 16 + 128 + 2 * 128, 256 * 64 * 16 + 64 + 2 * 64, 128 * 64 * 16 + 64 + 2 * 64]
    assert [parameters(up) for up in unet.up] == decoder
    head = 64 * 2 + 2
    assert parameters(unet.head) == head
    assert (sum(encoder), sum(decoder) + head) == (395_072, 918_402)
    assert parameters(unet) == 395_072 + 918_402 == 1_313_474


def test_pooling_has_the_parameters_of_strided_convolution() -> None:
    pooled = Generator(1, 2, GeneratorConfig(downsample="max_pool"), TilingConfig())
    assert parameters(pooled) == 1_313_474


@pytest.mark.parametrize(
    ("tiling", "more"),
    [
        (TilingConfig(context="none"), -128 * 128 * 16),  # no latent of the whole
        (TilingConfig(context="channel"), -128 * 128 * 16 + 64 * 16),  # but a second input channel
        (TilingConfig(merge="learned"), 2 * 3 * 25 + 2),
        (TilingConfig(grid=1), 0),
    ],
)
def test_what_a_kind_of_tiling_costs(tiling: TilingConfig, more: int) -> None:
    assert parameters(Generator(1, 2, GeneratorConfig(), tiling)) == 1_313_474 + more


@pytest.mark.parametrize("grid", [1, 2, 4])
@pytest.mark.parametrize("merge", ["stitch", "learned"])
@pytest.mark.parametrize("context", ["none", "channel", "vector"])
@pytest.mark.parametrize("downsample", ["strided_conv", "max_pool"])
def test_every_variant_gives_an_image_in_range(downsample: str, context: str, merge: str, grid: int) -> None:
    config = GeneratorConfig.model_validate({"downsample": downsample, "width": 4, "depth": 2})
    tiling = TilingConfig.model_validate({"grid": grid, "context": context, "merge": merge})
    network = Generator(1, 2, config, tiling)
    y = network(100 * noise(2, 1, 32, 48))
    assert y.shape == (2, 2, 32, 48)
    assert y.abs().max() <= 1
    y.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("depth", [1, 3])
def test_every_norm_and_depth_gives_an_image_in_range(norm: str, depth: int) -> None:
    config = GeneratorConfig.model_validate({"norm": norm, "width": 4, "depth": depth})
    y = Generator(3, 3, config, TilingConfig(grid=2))(noise(1, 3, 32, 32))
    assert y.shape == (1, 3, 32, 32)
    assert y.abs().max() <= 1


def test_pooling_slides_the_kernel_over_the_windows_of_strided_convolution() -> None:
    x = noise(2, 3, 8, 8)
    strided, pooled = Down(3, 5, "strided_conv", "none"), Down(3, 5, "max_pool", "none")
    pooled.load_state_dict(strided.state_dict())
    dense = pooled.act(pooled.conv(pooled.pad(x)))  # (2, 5, 8, 8), before the pooling
    torch.testing.assert_close(dense[..., ::2, ::2], strided(x), rtol=1e-5, atol=1e-6)
    assert torch.equal(pooled(x), dense.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2)))


def test_a_grid_of_1_does_not_cut() -> None:
    x = noise(2, 1, 16, 16)
    none, vector = small(grid=1, context="none"), small(grid=1, context="vector")
    assert torch.equal(none(x), torch.tanh(none.unet(x)))
    assert torch.equal(vector(x), torch.tanh(vector.unet(x, x)))


def test_without_context_a_tile_is_an_image_of_its_own() -> None:
    x = noise(1, 1, 32, 32)
    tiled, whole = small(grid=2, context="none"), small(grid=1, context="none")
    for rows, columns in itertools.product([slice(16), slice(16, 32)], repeat=2):
        alone = whole(x[..., rows, columns])
        torch.testing.assert_close(tiled(x)[..., rows, columns], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("context", "reaches"), [("none", False), ("channel", True), ("vector", True)])
def test_context_carries_a_change_to_the_other_tiles(context: str, reaches: bool) -> None:
    x = noise(1, 1, 32, 32)
    changed = x.clone()
    changed[..., :16, :16] = 1
    network = small(grid=2, context=context)
    difference = (network(x) - network(changed)).abs()
    assert difference[..., :16, :16].max() > 1e-3
    for other in (difference[..., :16, 16:], difference[..., 16:, :16], difference[..., 16:, 16:]):
        assert (other.max() > 1e-4) == reaches


@pytest.mark.parametrize("context", ["channel", "vector"])
def test_context_is_that_of_the_tile_s_own_image(context: str) -> None:
    x = noise(3, 1, 32, 32)
    network = small(grid=2, context=context)
    alone = torch.cat([network(image[None]) for image in x])
    torch.testing.assert_close(network(x), alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("grid", [1, 4])
def test_a_learned_merge_starts_as_the_identity(grid: int) -> None:
    x = noise(2, 1, 32, 32)
    assert torch.equal(small(grid=grid, merge="learned")(x), small(grid=grid, merge="stitch")(x))


def test_a_learned_merge_sees_across_borders_and_the_input() -> None:
    x = noise(1, 1, 16, 16)
    network = small(grid=2, context="none", merge="learned")
    assert network.merge is not None
    nn.init.constant_(network.merge.weight, 0.1)
    x.requires_grad_()
    network(x)[0, 0, 0, 7].backward()  # at the border, left of it; three pixels to the right are in its 5x5 kernel
    assert x.grad is not None
    assert x.grad[0, 0, :8, 8:].abs().sum() > 0
