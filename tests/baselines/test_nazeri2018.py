"""Nazeri et al. 2018: the counts of its networks, padding, labels and rates by hand, learning."""

from __future__ import annotations

import math

import pytest
import torch

from baselines.nazeri2018 import Discriminator, Generator, Nazeri2018, _Same, halvings_of
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.measure.cost import count_cost
from bench.training.method import Progress

CPU = torch.device("cpu")


def build(size: int = 64) -> Nazeri2018:
    return Nazeri2018(RunConfig.model_validate({"data": {"image_size": size}}), 1, 2, CPU)


def batch(size: int = 64, images: int = 2) -> Batch:
    """Two flat colours that L tells apart."""
    x = torch.linspace(-0.5, 0.5, images).view(-1, 1, 1, 1).expand(-1, 1, size, size)
    return Batch(x.clone(), torch.cat([x, -x / 2], dim=1))


def test_the_counts_of_both_networks_at_256() -> None:
    method = build(256)
    cost = count_cost(method, batch(256, images=1))
    assert (cost.parameters_generator, cost.parameters_total) == (42_023_811, 42_023_811 + 2_767_553)
    assert cost.macs > 0
    assert method.predict(batch(256, images=1)).shape == (1, 2, 256, 256)


@pytest.mark.parametrize(("size", "images"), [(64, 2), (128, 1)])
def test_it_fits_smaller_sizes(size: int, images: int) -> None:
    method, x = build(size), batch(size, images)
    output = method.predict(x)
    assert output.shape == (images, 2, size, size)
    assert torch.equal(output, method.generator(x.input)[:, 1:])  # a and b of Lab
    assert method.discriminator(x.input, torch.cat([x.input, output], 1)).shape == (images, 1, size // 8, size // 8)


@pytest.mark.parametrize(("size", "halvings"), [(512, 7), (256, 7), (128, 6), (96, 5), (64, 5), (32, 4)])
def test_the_latent_is_2x2(size: int, halvings: int) -> None:
    assert halvings_of(size) == halvings
    with torch.device("meta"):
        x = torch.empty(1, 1, size, size)
        for down in Generator(halvings).down:
            x = down.eval()(x)
    assert x.shape[2] == {512: 4, 96: 3}.get(size, 2)


def test_a_size_that_does_not_halve_is_refused() -> None:
    with pytest.raises(InputError, match="halves it 7 times and needs a multiple of 128"):
        halvings_of(320)


def test_padding_is_tensorflows() -> None:
    layer = _Same(1, 1)
    with torch.no_grad():
        layer[1].weight.fill_(1)
        layer[1].bias.zero_()
    seen = [[9, 9, 6], [9, 9, 6], [6, 6, 4]]  # pixels of 3x3 under the kernel, which reaches from -1 to +2
    assert layer(torch.ones(1, 1, 3, 3))[0, 0].tolist() == seen


def test_weights_are_cut_at_two_deviations() -> None:
    weight = Discriminator().layers[1][0].weight
    assert weight.abs().max() <= 2 / math.sqrt(64 * 16)
    assert weight.std().item() == pytest.approx(0.8796 / math.sqrt(64 * 16), rel=0.01)  # of a normal cut at two


def test_labels_are_smoothed_on_one_side() -> None:
    method, x = build(), batch()
    with torch.no_grad():
        for parameter in method.discriminator.parameters():
            parameter.zero_()
        method.discriminator.layers[-1][1].bias.fill_(2)
    losses = method.update(x, Progress(0, 0))
    softplus = math.log1p(math.exp(2))
    assert losses["d_real"].item() == pytest.approx(softplus - 0.9 * 2)
    assert losses["d_fake"].item() == pytest.approx(softplus)
    assert method._judge(x.input, torch.cat([x.input, x.target], 1), 1.0).item() < math.log(2)


def test_g_moves_twice_and_rates_decay() -> None:
    method = build()
    losses = method.update(batch(), Progress(0, 0.5))
    assert list(losses) == ["d_real", "d_fake", "g_adversarial", "l1"]
    assert all(loss.ndim == 0 and not loss.requires_grad for loss in losses.values())
    for name, steps, share in (("generator", 2, 1), ("discriminator", 1, 0.1)):
        optimizer = method.optimizers[name]
        assert {int(state["step"]) for state in optimizer.state.values()} == {steps}
        rate = 3e-4 * share * 0.1 ** (0.5 * 1_127_162.5 / 500_000)  # half of ten epochs, in batches of 16
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate)
