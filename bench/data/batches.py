"""A data set's images on the device, as the batches of a task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from bench.config import DataConfig, RunConfig, TaskConfig
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
    """The validation crops: batches with their images, (B, 3, H, W) in [0, 1].

    What a task leaves to chance depends on the crop's content and task.mask_seed alone: every run sees the same.
    """
    _, pixels = dataset_of(config).val_crops(config.val_images)
    keys = [[task.mask_seed, int.from_bytes(hashlib.sha256(crop.tobytes()).digest()[:8], "big")] for crop in pixels]
    made, found = build_task(task), []
    for start in range(0, len(pixels), BATCH):
        rgb = to_images(pixels[start : start + BATCH], device)
        found.append((made.batch(rgb, keys[start : start + BATCH]), rgb))
    return found


def training_batch(config: RunConfig, step: int, device: torch.device) -> Batch:
    """The batch of a step, a function of config.seed and the step alone."""
    size = config.train.batch_size
    pixels = dataset_of(config.data).train_batch(size, config.seed, step, config.data.flip)
    keys = [[config.seed, step, image] for image in range(size)]
    return build_task(config.task).batch(to_images(pixels, device), keys)


def training_photographs(config: DataConfig) -> Iterator[Tensor]:
    """Each training image whole at its smallest size, (1, 3, H, W) in [0, 1] on the CPU, for statistics of the set."""
    dataset = dataset_of(config)
    for photo in dataset.train:
        smallest = min(photo.levels, key=lambda level: level.height * level.width)
        pixels = dataset.level_pixels(smallest).copy()  # the cache is read-only, torch wants its own
        yield to_images(pixels[None], torch.device("cpu"))


def validation_crops(config: DataConfig) -> list[dict[str, str]]:
    """image and photograph of each validation crop, in the order of the records."""
    dataset = dataset_of(config)
    return [{"image": n, "photograph": dataset.photograph_of(n)} for n in dataset.val_crops(config.val_images)[0]]
