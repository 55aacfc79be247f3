"""Operations agree with torch's own counter, and go where it fails."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.config import RunConfig
from bench.data.batches import training_batch
from bench.scales import SCALES
from bench.training.flops import Operations
from bench.training.gan import GAN
from bench.training.method import Progress

CPU = torch.device("cpu")


@pytest.mark.parametrize("step", [0, 10])
def test_a_training_step_has_the_flops_that_torch_counts(step: int) -> None:
    config = RunConfig.model_validate(SCALES["tiny"])
    batch = training_batch(config, 0, CPU)
    with FlopCounterMode(display=False) as counter:
        GAN(config, 1, 2, CPU).update(batch, Progress(step, step / 20))
    with Operations() as operations:
        GAN(config, 1, 2, CPU).update(batch, Progress(step, step / 20))
    assert operations.flops == counter.get_total_flops() > 0


def test_predictions_in_inference_mode_are_counted() -> None:
    conv, x = nn.Conv2d(2, 4, 3, bias=False), torch.rand(1, 2, 5, 5)
    with Operations() as operations, torch.inference_mode():
        conv(x)
    assert operations.flops == 2 * 4 * 2 * 9 * 3 * 3
    assert operations.bytes == 4 * (2 * 25 + 4 * 2 * 9 + 4 * 9)


def test_the_gradient_of_a_gradient_is_counted() -> None:
    conv, x = nn.Conv2d(2, 4, 3), torch.rand(1, 2, 8, 8, requires_grad=True)
    with Operations() as operations:
        (gradient,) = torch.autograd.grad(conv(x).square().sum(), x, create_graph=True)
        gradient.square().sum().backward()
    once = 2 * 4 * 2 * 9 * 6 * 6
    assert operations.flops > 3 * once
