"""What the networks get and give in each task."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from skimage import data
from skimage.color import rgb2lab
from torch import Tensor

from bench.config import RunConfig, TaskConfig
from bench.data.tasks import REGISTRY, Batch, Colorization, build_task


@pytest.fixture(scope="module")
def photos() -> Tensor:
    """(2, 3, 32, 48) in [0, 1]."""
    crops = np.stack([data.astronaut()[100:132, 200:248], data.chelsea()[100:132, 200:248]])
    return torch.from_numpy(crops).permute(0, 3, 1, 2) / 255


def test_colorization_turns_lightness_into_ab(photos: Tensor) -> None:
    task = build_task(TaskConfig(name="colorization"))
    assert isinstance(task, Colorization)
    batch = task.batch(photos)
    assert (task.in_channels, task.out_channels) == (1, 2)
    assert (batch.input.shape, batch.target.shape, batch.mask) == ((2, 1, 32, 48), (2, 2, 32, 48), None)
    assert len(batch) == 2
    expected = torch.from_numpy(rgb2lab(photos.permute(0, 2, 3, 1).double().numpy())).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(batch.input, expected[:, :1] / 50 - 1, rtol=0, atol=1e-4)
    torch.testing.assert_close(batch.target, expected[:, 1:] / 110, rtol=0, atol=1e-4)


def test_the_target_as_prediction_is_the_photograph(photos: Tensor) -> None:
    task = build_task(TaskConfig())
    batch = task.batch(photos)
    torch.testing.assert_close(task.to_rgb(batch.target, batch), photos, rtol=0, atol=1e-4)


def test_no_colour_as_prediction_is_gray_of_the_same_lightness(photos: Tensor) -> None:
    task = build_task(TaskConfig())
    batch = task.batch(photos)
    gray = task.to_rgb(torch.zeros_like(batch.target), batch)
    assert (gray.amax(dim=1) - gray.amin(dim=1)).max() < 2e-3
    torch.testing.assert_close(task.batch(gray).input, batch.input, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_task_gives_batches_in_range_and_images_back(name: str, photos: Tensor) -> None:
    task = build_task(TaskConfig.model_validate({"name": name}))
    batch = task.batch(photos)
    assert isinstance(batch, Batch)
    assert (batch.input.shape[1], batch.target.shape[1]) == (task.in_channels, task.out_channels)
    for values in (batch.input, batch.target):
        assert values.dtype == torch.float32
        assert values.abs().max() <= 1
    wild = torch.rand(batch.target.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    rgb = task.to_rgb(wild, batch)
    assert rgb.shape == photos.shape
    assert 0 <= rgb.min() <= rgb.max() <= 1


def test_a_task_is_named_in_short_or_in_full_and_must_exist() -> None:
    assert RunConfig.model_validate({"task": "colorization"}).task == TaskConfig(name="colorization")
    with pytest.raises(ValidationError, match="Input should be 'colorization'"):
        RunConfig.model_validate({"task": "colourisation"})
