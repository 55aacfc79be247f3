"""A data set's images on the device, as the batches of a task."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from bench.config import DataConfig, TaskConfig
from bench.data.dataset import Dataset, open_dataset
from bench.data.tasks import Batch, build_task

BATCH = 16  # images that are predicted and scored at once


def to_images(pixels: np.ndarray, device: torch.device) -> Tensor:
    """uint8 (B, H, W, 3) -> fp32 (B, 3, H, W) in [0, 1] on the device."""
    return torch.from_numpy(pixels).to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255


def one_image(batch: Batch) -> Batch:
    """The batch's first image alone."""
    mask = None if batch.mask is None else batch.mask[:1]
    return replace(batch, input=batch.input[:1], target=batch.target[:1], mask=mask)


@lru_cache(maxsize=4)
def dataset_of(config: DataConfig) -> Dataset:
    """The data set, opened once a process."""
    return open_dataset(config)


@lru_cache(maxsize=4)
def validation_batches(config: DataConfig, task: TaskConfig, device: torch.device) -> list[tuple[Batch, Tensor]]:
    """The validation crops: batches with their images, (B, 3, H, W) in [0, 1]."""
    _, pixels = dataset_of(config).val_crops(config.val_images)
    images = to_images(pixels, device).split(BATCH)
    return [(build_task(task).batch(rgb), rgb) for rgb in images]


def validation_names(config: DataConfig) -> list[str]:
    """Names of the validation crops, in the order of the records."""
    return dataset_of(config).val_crops(config.val_images)[0]
