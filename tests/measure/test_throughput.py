"""Rates of a tiny GAN: how many calls they rest on, what they leave behind, and the memory beside them."""

from __future__ import annotations

import itertools
import math
import time

import pytest
import torch

from baselines.trivial import Gray
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.measure.throughput import WARM_UP_CALLS, WINDOWS, Rate, measure_inference, measure_training, spare_bytes
from bench.training.gan import GAN
from bench.training.method import Progress

CPU = torch.device("cpu")
CONFIG = RunConfig.model_validate(
    {
        "data": {"image_size": 16},
        "generator": {"width": 2, "depth": 1},
        "tiling": {"grid": 2},
        "discriminator": {"width": 2},
        "train": {"steps": 10, "pretrain_steps": 4, "batch_size": 3},
    }
)
ONCE = 1e-9  # seconds: windows of one call


def ring(length: int) -> list[Batch]:
    noise = torch.rand((length, 3, 3, 16, 16), generator=torch.Generator().manual_seed(0)) * 2 - 1
    return [Batch(images[:, :1], images[:, 1:]) for images in noise]


def weights(gan: GAN) -> list[torch.Tensor]:
    return [value.clone() for network in gan.networks.values() for value in network.state_dict().values()]


def updates(gan: GAN, name: str) -> set[float]:
    """How often the optimiser has stepped."""
    return {moments["step"].item() for moments in gan.optimizers[name].state.values()}


def check(rate: Rate) -> None:
    assert 0 < rate.images_per_second < math.inf
    assert 0 <= rate.spread < math.inf
    assert (rate.batch_size, rate.windows) == (3, WINDOWS)


def test_training_is_measured_in_whole_updates_of_the_given_method() -> None:
    gan = GAN(CONFIG, 1, 2, CPU)
    rate, peak = measure_training(gan, ring(2), 4, CPU, ONCE)
    check(rate)
    (steps,) = updates(gan, "generator")
    calls = int(steps)
    assert calls >= WARM_UP_CALLS + 2 + 2 + WINDOWS + 1  # sizing, steadying, windows of one call, one for the memory
    assert updates(gan, "discriminator") == {2 * calls}
    # the same updates by hand end at the same weights, so the ring was walked in turn
    plain = GAN(CONFIG, 1, 2, CPU)
    for images in itertools.islice(itertools.cycle(ring(2)), calls):
        plain.update(images, Progress(4, 0.5))
    assert all(torch.equal(a, b) for a, b in zip(weights(gan), weights(plain), strict=True))
    held = sum(p.numel() for network in gan.networks.values() for p in network.parameters())
    assert peak > 4 * 4 * held  # weights, gradients and two moments of 4 bytes, and what lies between the layers


class Counted:
    """400 bytes of weights, of gradients and of moments; an update makes 4,000 more out of its batch."""

    def __init__(self) -> None:
        layer = torch.nn.Linear(10, 10, bias=False)
        self.networks = {"generator": layer}
        self.optimizers = {"generator": torch.optim.SGD(layer.parameters(), lr=1e-3, momentum=0.9)}
        layer.weight.grad = torch.zeros_like(layer.weight)
        self.optimizers["generator"].step()

    def update(self, batch: Batch, progress: Progress) -> dict[str, torch.Tensor]:
        made = batch.input.expand(10, 100).clone()  # 4,000
        del made
        return {}

    def predict(self, batch: Batch) -> torch.Tensor:
        return batch.target


@pytest.mark.parametrize("length", [1, 2, 8])
def test_the_memory_of_training_is_that_of_one_batch(length: int) -> None:
    separate = [Batch(torch.zeros(100), torch.zeros(50), torch.zeros(25)) for _ in range(length)]
    assert measure_training(Counted(), separate, 4, CPU, ONCE)[1] == 3 * 400 + 4 * (100 + 50 + 25) + 4000
    of_one_storage = [Batch(images[:100], images[100:]) for images in torch.zeros(length, 150)]
    assert measure_training(Counted(), of_one_storage, 4, CPU, ONCE)[1] == 3 * 400 + 4 * 150 + 4000
    assert spare_bytes(separate) == (length - 1) * 4 * (100 + 50 + 25)


def test_a_gan_takes_as_much_memory_whatever_the_ring() -> None:
    one, eight = (measure_training(GAN(CONFIG, 1, 2, CPU), ring(length), 4, CPU, ONCE)[1] for length in (1, 8))
    assert one == eight


def test_inference_leaves_the_method_as_it_was() -> None:
    gan = GAN(CONFIG, 1, 2, CPU)
    before = weights(gan)
    check(measure_inference(gan, ring(2), CPU, ONCE))
    assert all(torch.equal(a, b) for a, b in zip(weights(gan), before, strict=True))


def test_a_method_without_parameters_has_a_rate_too() -> None:
    check(measure_inference(Gray(CONFIG, 1, 2, CPU), ring(1), CPU, 1e-4))


class Slow(Gray):
    """A method that takes 2 ms for a batch, whatever lies in it."""

    def predict(self, batch: Batch) -> torch.Tensor:
        time.sleep(0.002)
        return super().predict(batch)


def test_a_rate_is_images_not_batches() -> None:
    batch = Batch(torch.zeros(64, 1, 4, 4), torch.zeros(64, 2, 4, 4))
    rate = measure_inference(Slow(CONFIG, 1, 2, CPU), [batch], CPU, 0.01)
    assert 64 * 50 < rate.images_per_second <= 64 * 500  # on a busy machine 2 ms are up to 20
    assert rate.batch_size == 64
