"""Every learned baseline, with all its losses as in a study, learns one or two small photographs by heart."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from baselines.build import build_method
from bench.config import RunConfig
from bench.data.batches import training_batch
from bench.data.tasks import Batch, build_task
from bench.training.method import Progress

CPU = torch.device("cpu")
SIDE = 32


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "task", "images", "steps", "left"),  # left: of the error of no colour, or of the hole before
    [
        ("zhang2016", "colorization", 2, 80, 0.75),  # a quarter of the resolution and 10 ab units a bin leave that much
        ("zhang2017", "colorization", 2, 100, 0.65),
        ("nazeri2018", "colorization", 2, 100, 0.65),
        ("pix2pix", "colorization", 2, 90, 0.3),
        ("iizuka2017", "inpainting", 2, 80, 0.1),
        ("yu2018", "inpainting", 2, 21, 0.4),
        ("yu2019", "inpainting", 1, 150, 0.6),
    ],
)
def test_a_batch_is_learnt_by_heart(name: str, task: str, images: int, steps: int, left: float) -> None:
    config = RunConfig.model_validate(
        {
            "method": name,
            "task": task,
            "data": {"image_size": SIDE},
            "tiling": {"grid": 1},
            "train": {"steps": steps, "batch_size": images, "pretrain_steps": 0},
        }
    )
    method, batch = build_method(config, build_task(config.task), CPU), training_batch(config, 0, CPU)
    before = _error(torch.zeros_like(batch.target) if task == "colorization" else method.predict(batch), batch)
    losses: set[str] = set()
    for step in range(steps):
        share = 0.5 if name == "iizuka2017" and step >= steps // 2 else 0.0  # G alone, then G and D
        losses |= set(method.update(batch, Progress(step, share)))
    assert _error(method.predict(batch), batch) < left * before
    assert name in ("zhang2016", "zhang2017") or {"g_adversarial"} <= losses


def _error(predicted: Tensor, batch: Batch) -> float:
    """Mean |difference|, of inpainting in the hole."""
    error = (predicted - batch.target).abs()
    if batch.mask is not None:
        error = error[batch.mask.expand_as(error) > 0]
    return error.mean().item()
