"""The parts of a step: by marks at known times, and of a real update."""

from __future__ import annotations

import pytest
import torch

from bench.config import RunConfig
from bench.data.batches import training_batch
from bench.profile.breakdown import split_marks, split_step
from bench.scales import SCALES
from bench.training.gan import GAN
from bench.training.method import Progress

CPU = torch.device("cpu")


def test_an_interval_belongs_to_the_network_whose_optimiser_steps_next() -> None:
    marks = [
        ("enter", "", 0.0),
        ("before", "", 1.0),  # to D, whose step comes first
        ("forward", "generator", 3.0),
        ("gradients", "discriminator", 7.0),
        ("optimiser", "discriminator", 8.0),
        ("gradients", "generator", 13.0),
        ("optimiser", "generator", 15.0),
        ("end", "", 15.5),
    ]
    assert split_marks(marks, lambda a, b: b - a) == [
        ("discriminator", 1.0),
        ("generator", 2.0),
        ("discriminator", 4.0),
        ("optimiser", 1.0),
        ("generator", 5.0),
        ("optimiser", 2.0),
        ("rest", 0.5),
    ]


def test_a_real_step_is_split_whole_and_the_hooks_are_gone() -> None:
    config = RunConfig.model_validate(SCALES["tiny"])
    gan = GAN(config, 1, 2, CPU)
    batch, calls = training_batch(config, 0, CPU), []

    def update() -> None:
        calls.append(1)
        gan.update(batch, Progress(10, 0.5))

    seconds = split_step(gan, update, 3, CPU)
    assert len(calls) == 3
    assert set(seconds) == {"generator", "discriminator", "optimiser", "rest"}
    assert all(value > 0 for value in seconds.values())
    assert seconds["rest"] < 0.1 * sum(seconds.values())
    hooks = [*gan.generator._forward_hooks, *gan.generator._forward_pre_hooks]
    for optimizer in gan.optimizers.values():
        hooks += [*optimizer._optimizer_step_pre_hooks, *optimizer._optimizer_step_post_hooks]
    assert hooks == []


def test_pretraining_has_no_d() -> None:
    config = RunConfig.model_validate(SCALES["tiny"])
    gan = GAN(config, 1, 2, CPU)
    batch = training_batch(config, 0, CPU)
    assert "discriminator" not in split_step(gan, lambda: gan.update(batch, Progress(0, 0)), 1, CPU)
    assert pytest.approx(0) != sum(split_step(gan, lambda: gan.update(batch, Progress(0, 0)), 1, CPU).values())
