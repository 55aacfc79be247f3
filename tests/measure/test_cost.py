"""Parameters and multiply-accumulates against numbers computed by hand and PyTorch's own counter."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from baselines import METHODS, PARAMETER_FREE
from baselines.build import build_method
from baselines.contract import tasks_of
from baselines.trivial import Gray
from baselines.weights import base_of
from bench.config import RunConfig
from bench.data.tasks import Batch, build_task
from bench.measure.cost import Cost, count_cost, count_macs
from bench.training.flops import Operations
from bench.training.gan import GAN
from bench.training.method import Progress

CPU = torch.device("cpu")

# The paper's generator on 256x256: 16 tiles of 64x64 and, in the encoder, the shrunk whole as a 17th.
# MACs of a 4x4 convolution: in x out x 16 a pixel of its output; of a transposed one: a pixel of its input.
CONVOLUTIONS = [
    17 * 1 * 64 * 16 * 32**2,
    17 * 64 * 128 * 16 * 16**2,
    17 * 128 * 128 * 16 * 8**2,
    16 * 256 * 128 * 16 * 8**2,
    16 * 256 * 64 * 16 * 16**2,
    16 * 128 * 64 * 16 * 32**2,
    16 * 64 * 2 * 64**2,  # the head is 1x1
]
# fvcore counts 2 for each value that a BatchNorm scales and shifts; the first layer has none.
NORMS = [
    2 * 17 * 128 * 16**2,
    2 * 17 * 128 * 8**2,
    2 * 16 * 128 * 16**2,
    2 * 16 * 64 * 32**2,
    2 * 16 * 64 * 64**2,
]


def batch(n: int, size: int) -> Batch:
    noise = torch.rand((n, 3, size, size), generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Batch(noise[:, :1], noise[:, 1:])


def tiny(**train: Any) -> GAN:
    fields = {
        "data": {"image_size": 32},
        "generator": {"width": 4, "depth": 2},
        "tiling": {"grid": 2},
        "discriminator": {"width": 4},
        "train": {"steps": 10, "pretrain_steps": 0, "batch_size": 2, **train},
    }
    return GAN(RunConfig.model_validate(fields), 1, 2, CPU)


@pytest.fixture(scope="module")
def paper() -> GAN:
    return GAN(RunConfig(), 1, 2, CPU)


def test_convolutions_by_hand() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),  # 16x16
        nn.ReLU(),
        nn.Conv2d(8, 16, 4, stride=2, padding=1),  # 8x8
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(16, 4, 4, stride=2, padding=1),  # from 8x8 to 16x16
        nn.Tanh(),
    )
    expected = 3 * 8 * 9 * 16**2 + 8 * 16 * 16 * 8**2 + 16 * 4 * 16 * 8**2
    assert count_macs(network, torch.zeros(1, 3, 16, 16)) == expected == 251_904
    assert count_macs(network, torch.zeros(5, 3, 16, 16)) == 5 * expected


def test_a_batch_norm_is_2_a_value() -> None:
    assert count_macs(nn.BatchNorm2d(8), torch.zeros(1, 8, 16, 16)) == 2 * 8 * 16**2


def test_the_paper_s_model(paper: GAN) -> None:
    cost = count_cost(paper, batch(1, 256))
    assert (cost.parameters_generator, cost.parameters_total) == (1_313_474, 4_081_027)
    assert cost.macs == sum(CONVOLUTIONS) + sum(NORMS) == 4_652_875_776
    assert cost.flops == 9_305_751_552


def test_the_flops_are_those_of_pytorch_s_counter(paper: GAN) -> None:
    image = batch(1, 256)
    with FlopCounterMode(display=False) as counter:
        paper.predict(image)
    assert counter.get_total_flops() == 2 * sum(CONVOLUTIONS)  # it counts convolutions alone
    assert count_cost(paper, image).flops == pytest.approx(counter.get_total_flops(), rel=0.01)


LEARNED = [name for name in METHODS if name not in PARAMETER_FREE and base_of(name) is None]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "task_name"), [(name, task) for name in LEARNED for task in tasks_of(name)])
def test_fvcore_adds_norms_and_upsampling_to_pytorch_s_counter(name: str, task_name: str) -> None:
    config = RunConfig.model_validate({"method": name, "task": {"name": task_name}, "data": {"image_size": 64}})
    task = build_task(config.task)
    method = build_method(config, task, CPU)
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, 16:32, 16:32] = 1
    shapes = [(1, channels, 64, 64) for channels in (task.in_channels, task.out_channels)]
    image = Batch(*map(torch.zeros, shapes), mask if task_name == "inpainting" else None)
    cost, added = count_cost(method, image), 0

    def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal added
        added += 2 * output.numel()

    for norm in [layer for layer in method.networks["generator"].modules() if isinstance(layer, nn.BatchNorm2d)]:
        norm.register_forward_hook(add)
    with Operations() as operations:
        method.predict(image)
    upsampling = {"zhang2016": 4 * 2 * 64**2, "yu2018": 786_432, "yu2019": 589_824}  # values of the enlarged maps
    assert cost.macs == operations.flops // 2 + added + upsampling.get(name, 0)


def test_pooling_computes_four_times_the_encoder() -> None:
    fields = {"generator": {"downsample": "max_pool"}}
    cost = count_cost(GAN(RunConfig.model_validate(fields), 1, 2, CPU), batch(1, 256))
    assert (cost.parameters_generator, cost.parameters_total) == (1_313_474, 4_081_027)
    encoder = sum(CONVOLUTIONS[:3]) + sum(NORMS[:2])
    assert cost.macs == sum(CONVOLUTIONS) + sum(NORMS) + 3 * encoder


def test_counting_moves_nothing() -> None:
    gan = tiny(ema=0.9)
    gan.update(batch(2, 32), Progress(0, 0))
    before = {name: copy.deepcopy(network.state_dict()) for name, network in gan.networks.items()}
    count_cost(gan, batch(1, 32))
    for name, network in gan.networks.items():
        assert all(torch.equal(value, before[name][key]) for key, value in network.state_dict().items())


def test_a_counted_method_learns_as_one_that_was_not() -> None:
    counted, plain = tiny(), tiny()
    count_cost(counted, batch(1, 32))  # traces in eval mode
    for step in range(2):
        assert counted.update(batch(2, 32), Progress(step, 0)) == plain.update(batch(2, 32), Progress(step, 0))


def test_a_moving_average_is_not_counted_twice() -> None:
    assert count_cost(tiny(ema=0.9), batch(1, 32)) == count_cost(tiny(), batch(1, 32))


def test_bf16_does_the_same_work() -> None:
    assert count_cost(tiny(precision="bf16"), batch(1, 32)) == count_cost(tiny(), batch(1, 32))


def test_gray_costs_nothing() -> None:
    cost = count_cost(Gray(RunConfig(), 1, 2, CPU), batch(1, 32))
    assert cost == Cost(parameters_generator=0, parameters_total=0, macs=0)
    assert cost.flops == 0
