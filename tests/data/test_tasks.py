"""The inputs, targets and pictures of each task."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from skimage import data
from skimage.color import rgb2lab
from torch import Tensor

from bench.config import RunConfig, TaskConfig
from bench.data.batches import training_batch, validation_batches, validation_crops
from bench.data.tasks import REGISTRY, Batch, Colorization, build_task, square_masks

CPU = torch.device("cpu")
KEYS = [[0, 0, 0], [0, 0, 1]]


@pytest.fixture(scope="module")
def photos() -> Tensor:
    """(2, 3, 32, 48) in [0, 1]."""
    crops = np.stack([data.astronaut()[100:132, 200:248], data.chelsea()[100:132, 200:248]])
    return torch.from_numpy(crops).permute(0, 3, 1, 2) / 255


def test_colorization_turns_lightness_into_ab(photos: Tensor) -> None:
    task = build_task(TaskConfig(name="colorization"))
    assert isinstance(task, Colorization)
    batch = task.batch(photos, KEYS)
    assert (task.in_channels, task.out_channels) == (1, 2)
    assert (batch.input.shape, batch.target.shape, batch.mask) == ((2, 1, 32, 48), (2, 2, 32, 48), None)
    assert len(batch) == 2
    expected = torch.from_numpy(rgb2lab(photos.permute(0, 2, 3, 1).double().numpy())).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(batch.input, expected[:, :1] / 50 - 1, rtol=0, atol=1e-4)
    torch.testing.assert_close(batch.target, expected[:, 1:] / 110, rtol=0, atol=1e-4)


def test_the_target_as_prediction_is_the_photograph(photos: Tensor) -> None:
    task = build_task(TaskConfig())
    batch = task.batch(photos, KEYS)
    torch.testing.assert_close(task.to_rgb(batch.target, batch), photos, rtol=0, atol=1e-4)


def test_no_colour_as_prediction_is_gray_of_the_same_lightness(photos: Tensor) -> None:
    task = build_task(TaskConfig())
    batch = task.batch(photos, KEYS)
    gray = task.to_rgb(torch.zeros_like(batch.target), batch)
    assert (gray.amax(dim=1) - gray.amin(dim=1)).max() < 2e-3
    torch.testing.assert_close(task.batch(gray, KEYS).input, batch.input, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_task_gives_batches_in_range_and_images_back(name: str, photos: Tensor) -> None:
    task = build_task(TaskConfig.model_validate({"name": name}))
    batch = task.batch(photos, KEYS)
    assert isinstance(batch, Batch)
    assert (batch.input.shape[1], batch.target.shape[1]) == (task.in_channels, task.out_channels)
    for values in (batch.input, batch.target):
        assert values.dtype == torch.float32
        assert values.abs().max() <= 1
    wild = torch.rand(batch.target.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    rgb = task.to_rgb(wild, batch)
    assert rgb.shape == photos.shape
    assert 0 <= rgb.min() <= rgb.max() <= 1


def test_inpainting_puts_zeros_into_a_square_and_wants_the_whole_image_back(photos: Tensor) -> None:
    task = build_task(TaskConfig(name="inpainting", hole=0.25))
    batch = task.batch(photos, KEYS)
    assert batch.mask is not None
    assert (task.in_channels, task.out_channels) == (3, 3)
    assert batch.mask.sum((1, 2, 3)).tolist() == [64, 64]  # a quarter of the shorter side, 32, squared
    missing = batch.mask.expand(-1, 3, -1, -1) == 1
    shown = task.input_rgb(batch)
    assert shown[missing].unique().tolist() == [0]
    torch.testing.assert_close(shown[~missing], photos[~missing], rtol=0, atol=1e-6)
    torch.testing.assert_close(task.to_rgb(batch.target, batch), photos, rtol=0, atol=1e-6)


def test_the_mask_is_a_fourth_channel_only_if_asked_for(photos: Tensor) -> None:
    blind = build_task(TaskConfig(name="inpainting")).batch(photos, KEYS)
    task = build_task(TaskConfig(name="inpainting", mask_known=True))
    told = task.batch(photos, KEYS)
    assert (task.in_channels, told.input.shape[1], blind.input.shape[1]) == (4, 4, 3)
    assert torch.equal(told.input[:, :3], blind.input)
    assert torch.equal(told.input[:, 3:], told.mask)


def test_holes_are_squares_inside_the_image_and_a_function_of_their_keys() -> None:
    keys = [[7, step, image] for step in range(20) for image in range(10)]
    masks = square_masks(keys, 24, 40, 0.5, CPU)
    places = set()
    for mask in masks[:, 0]:
        rows, columns = mask.nonzero(as_tuple=True)
        top, left = int(rows.min()), int(columns.min())
        assert mask[top : top + 12, left : left + 12].sum() == mask.sum() == 144
        places.add((top, left))
    assert len(places) > 100  # of 13 x 29
    assert {0, 12} <= {top for top, _ in places}  # both ends are reached
    assert torch.equal(square_masks(keys[50:60], 24, 40, 0.5, CPU), masks[50:60])


def test_a_hole_belongs_to_inpainting() -> None:
    with pytest.raises(ValidationError, match=r"task.mask_known belongs to inpainting"):
        TaskConfig(mask_known=True)


def test_validation_holes_are_the_same_for_every_run_and_training_holes_are_not(photos: Tensor) -> None:
    config = RunConfig.model_validate({"task": "inpainting", "data": {"image_size": 64, "val_images": 4}})
    cpu = torch.device("cpu")
    first = validation_batches(config.data, config.task, cpu)[0][0].mask
    validation_batches.cache_clear()
    again = validation_batches(config.data, config.task, cpu)[0][0].mask
    moved = validation_batches(config.data, TaskConfig(name="inpainting", mask_seed=1), cpu)[0][0].mask
    assert first is not None
    assert again is not None
    assert moved is not None
    assert torch.equal(first, again)
    assert not torch.equal(first, moved)
    masks = [
        training_batch(config.model_copy(update={"seed": seed}), step, cpu).mask
        for seed, step in ((0, 5), (0, 5), (1, 5), (0, 6))
    ]
    assert torch.equal(masks[0], masks[1])  # type: ignore[arg-type]
    assert not torch.equal(masks[0], masks[2])  # type: ignore[arg-type]
    assert not torch.equal(masks[0], masks[3])  # type: ignore[arg-type]


def test_two_variants_of_a_seed_see_the_same_batches() -> None:
    config = RunConfig.model_validate({"task": "inpainting", "data": {"image_size": 64}, "train": {"batch_size": 4}})
    other = config.model_copy(update={"generator": config.generator.model_copy(update={"downsample": "max_pool"})})
    for step in range(3):
        ours, theirs = (training_batch(c, step, torch.device("cpu")) for c in (config, other))
        for a, b in ((ours.input, theirs.input), (ours.target, theirs.target), (ours.mask, theirs.mask)):
            assert a is not None
            assert b is not None
            assert hash(a.numpy().tobytes()) == hash(b.numpy().tobytes())


def test_crops_name_the_photograph_they_come_from() -> None:
    crops = validation_crops(RunConfig.model_validate({"data": {"image_size": 64, "val_images": 4}}).data)
    assert crops[0] == {"image": crops[0]["image"], "photograph": crops[0]["image"].split("@")[0]}


def test_a_task_is_named_in_short_or_in_full_and_must_exist() -> None:
    assert RunConfig.model_validate({"task": "colorization"}).task == TaskConfig(name="colorization")
    with pytest.raises(ValidationError, match="Input should be 'colorization' or 'inpainting'"):
        RunConfig.model_validate({"task": "colourisation"})
