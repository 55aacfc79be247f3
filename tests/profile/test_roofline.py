"""FLOPs, bytes and the floor of calls that can be counted by hand."""

from __future__ import annotations

import torch
from torch import nn

from bench.profile.roofline import Demand, Rates, count_demand, measure_rates

F32 = 4


def test_a_convolution_is_counted_by_hand() -> None:
    conv, x = nn.Conv2d(3, 8, 3, padding=1, bias=False), torch.rand(2, 3, 16, 16)
    taken, given, weights = x.numel() * F32, 2 * 8 * 16 * 16 * F32, 8 * 3 * 9 * F32
    macs = 8 * 3 * 9 * 2 * 16 * 16

    def predict() -> None:
        with torch.inference_mode():
            conv(x).tanh()

    assert count_demand(predict) == Demand(2 * macs, taken + given + weights)


def test_a_training_step_adds_the_gradient_of_the_weights_and_seven_values_a_parameter() -> None:
    conv, x = nn.Conv2d(3, 8, 3, padding=1, bias=False), torch.rand(2, 3, 16, 16)
    adam = torch.optim.Adam(conv.parameters())
    taken, given, weights = x.numel() * F32, 2 * 8 * 16 * 16 * F32, 8 * 3 * 9 * F32

    def step() -> None:
        conv(x).square().mean().backward()
        adam.step()

    macs = 8 * 3 * 9 * 2 * 16 * 16
    forward, backward = taken + given + weights, given + taken + weights + weights  # the input needs no gradient
    assert count_demand(step, [adam]) == Demand(4 * macs, forward + backward + 7 * weights)


def test_the_floor_is_the_slower_of_computing_and_moving() -> None:
    rates = Rates(matmul=100.0, copy=10.0)
    assert Demand(1000, 50).floor(rates) == 10.0
    assert Demand(1000, 200).floor(rates) == 20.0
    assert Demand(1000, 50).intensity == 20.0


def test_the_machine_has_rates() -> None:
    rates = measure_rates(torch.device("cpu"), "fp32", seconds=0.05)
    assert 1e9 < rates.matmul < 1e14
    assert 1e8 < rates.copy < 1e13
