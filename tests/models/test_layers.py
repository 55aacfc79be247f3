"""Channel growth, normalisation, and weights that depend on (seed, name) alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.config import DiscriminatorConfig, GeneratorConfig, TilingConfig
from bench.models.discriminator import Discriminator
from bench.models.generator import Generator
from bench.models.layers import channels, initialise, norm_layer

SMALL = GeneratorConfig(width=4)


def generator(config: GeneratorConfig = SMALL, tiling: TilingConfig | None = None, seed: int = 0) -> Generator:
    network = Generator(1, 2, config, tiling or TilingConfig())
    initialise(network, seed, "generator")
    return network


def discriminator(depth: int) -> Discriminator:
    network = Discriminator(1, 2, 64, DiscriminatorConfig(width=4, depth=depth), TilingConfig())
    initialise(network, 0, "discriminator")
    return network


def weights(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.named_parameters())


@pytest.mark.parametrize(
    ("width", "max_multiplier", "depth", "expected"),
    [
        (64, 2, 3, [64, 128, 128]),  # the paper's generator
        (64, 8, 5, [64, 128, 256, 512, 512]),
        (4, 1, 3, [4, 4, 4]),
        (8, 3, 4, [8, 16, 24, 24]),  # the cap need not be a power of two
    ],
)
def test_channels_double_up_to_the_cap(width: int, max_multiplier: int, depth: int, expected: list[int]) -> None:
    assert channels(width, max_multiplier, depth) == expected


@pytest.mark.parametrize(("kind", "parameters"), [("batch", 10), ("instance", 10), ("none", 0)])
def test_a_norm_has_a_scale_and_a_shift_a_channel(kind: str, parameters: int) -> None:
    assert sum(p.numel() for p in norm_layer(kind, 5).parameters()) == parameters


@pytest.mark.parametrize("kind", ["batch", "instance"])
def test_a_norm_gives_mean_0_and_variance_1(kind: str) -> None:
    x = 3 + 2 * torch.randn(4, 5, 16, 16, generator=torch.Generator().manual_seed(0))
    over = (0, 2, 3) if kind == "batch" else (2, 3)
    y = norm_layer(kind, 5)(x)
    torch.testing.assert_close(y.mean(over), torch.zeros_like(y.mean(over)), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.var(over, correction=0), torch.ones_like(y.mean(over)), rtol=0, atol=1e-4)


def test_the_same_seed_and_name_give_the_same_weights() -> None:
    first, second = weights(generator()), weights(generator())
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_or_network_or_layer_gives_other_weights() -> None:
    first, other_seed = weights(generator()), weights(generator(seed=1))
    renamed = generator()
    initialise(renamed, 0, "discriminator")
    moving = [name for name in first if name.endswith("weight")]
    assert len(moving) == 12  # 3 + 3 + 1 convolutions and 2 + 3 norms
    for name in moving:
        assert not torch.equal(first[name], other_seed[name])
        assert not torch.equal(first[name], weights(renamed)[name])
    assert not torch.equal(first["unet.up.1.norm.weight"], first["unet.up.2.norm.weight"])


def test_convolutions_start_around_0_norm_scales_around_1_and_biases_at_0() -> None:
    for name, value in weights(generator(GeneratorConfig())).items():
        if name.endswith("bias"):
            assert torch.equal(value, torch.zeros_like(value))
            continue
        tolerance = 5 / value.numel() ** 0.5  # standard errors
        assert value.mean().item() == pytest.approx(1 if "norm" in name else 0, abs=0.02 * tolerance)
        assert value.std().item() == pytest.approx(0.02, rel=tolerance)


def test_he_keeps_the_scale_of_a_signal_without_a_norm() -> None:
    config = GeneratorConfig(width=32, norm="none", init="he")
    network = Generator(1, 2, config, TilingConfig(grid=1, context="none"))
    initialise(network, 0, "generator", config.init)
    x = torch.randn(4, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    outputs: list[Tensor] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(lambda layer, given, output: outputs.append(output.square().mean() / 2))
    with torch.no_grad():
        network(x)
    assert len(outputs) == 7
    assert all(0.5 < scale < 1.5 for scale in outputs), outputs  # half the second moment: what ReLU lets through


def test_he_draws_the_same_normal_numbers_on_another_scale() -> None:
    plain, scaled = (Generator(1, 2, SMALL, TilingConfig()) for _ in range(2))
    initialise(plain, 0, "generator")
    initialise(scaled, 0, "generator", "he")
    for name, products in (("unet.down.1.conv.weight", 4 * 16), ("unet.up.0.conv.weight", 16 * 16 / 4)):
        torch.testing.assert_close(weights(scaled)[name], weights(plain)[name] * (2 / products) ** 0.5 / 0.02)
    assert set(shared(plain, scaled)) == {n for n, p in weights(plain).items() if p.ndim == 1}


def test_initialising_leaves_the_global_random_state_alone() -> None:
    network = Generator(1, 2, SMALL, TilingConfig())
    before = torch.get_rng_state()
    initialise(network, 0, "generator")
    assert torch.equal(torch.get_rng_state(), before)


def shared(a: nn.Module, b: nn.Module) -> list[str]:
    """Names of the parameters that are equal in both."""
    theirs = weights(b)
    return [n for n, p in weights(a).items() if n in theirs and torch.equal(p, theirs[n])]


def test_pooling_starts_from_the_very_weights_of_strided_convolution() -> None:
    strided, pooled = generator(), generator(SMALL.model_copy(update={"downsample": "max_pool"}))
    assert shared(strided, pooled) == list(weights(strided)) == list(weights(pooled))


def test_without_context_only_the_first_decoder_layer_differs() -> None:
    vector, none = generator(), generator(tiling=TilingConfig(context="none"))
    assert list(weights(vector)) == list(weights(none))
    # its kernel takes half as many channels; its name is the same, its shape is not
    assert set(weights(vector)) - set(shared(vector, none)) == {"unet.up.0.conv.weight"}


def test_a_shallower_discriminator_starts_from_the_leading_layers() -> None:
    full, shallow = discriminator(4), discriminator(2)
    # layers 0-2 and 3-5 are convolution, norm, activation; 6 is the third convolution, or the shallow one's last
    leading = [f"layers.{n}" for n in ("0.weight", "0.bias", "3.weight", "3.bias", "4.weight", "4.bias")]
    assert [n for n in shared(full, shallow) if not n.startswith("layers.6")] == leading
    assert weights(full)["layers.6.weight"].shape != weights(shallow)["layers.6.weight"].shape


def test_a_learned_merge_changes_no_other_weight_and_keeps_its_own() -> None:
    stitch, learned = generator(), generator(tiling=TilingConfig(merge="learned"))
    assert shared(stitch, learned) == list(weights(stitch))
    identity = torch.zeros(2, 3, 5, 5)  # (out, y and x, 5, 5)
    identity[0, 0, 2, 2] = identity[1, 1, 2, 2] = 1
    assert learned.merge is not None
    assert torch.equal(learned.merge.weight, identity)
    assert torch.equal(learned.merge.bias, torch.zeros(2))
