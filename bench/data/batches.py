"""The batches of a task, made from a data set's images on the device."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from bench.config import DataConfig, RunConfig, TaskConfig
from bench.data.dataset import Crops, Dataset, open_dataset
from bench.data.device import PhotographsOnDevice, fits_on_device, upload
from bench.data.lab import LabPhotographs, fills_vectors, lab_of
from bench.data.tasks import Batch, build_task

BATCH = 16  # images that are predicted and scored at a time
BYTES_AHEAD = {"cpu": 8 << 20, "cuda": 128 << 20}  # of the batches that are made at a time
FLOATS_PER_PIXEL = 7  # the most that input, target and mask have together


def to_images(pixels: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) -> fp32 (B, 3, H, W) in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def one_image(batch: Batch) -> Batch:
    """The batch's first image alone."""
    return _slice(batch, slice(1))


def _slice(batch: Batch, which: slice) -> Batch:
    mask = None if batch.mask is None else batch.mask[which]
    return Batch(batch.input[which], batch.target[which], mask)


@lru_cache(maxsize=4)
def dataset_of(config: DataConfig) -> Dataset:
    """The data set of a config, opened once in a process."""
    return open_dataset(config)


@lru_cache(maxsize=4)
def validation_batches(config: DataConfig, task: TaskConfig, device: torch.device) -> list[tuple[Batch, Tensor]]:
    """The validation crops as batches, each with its RGB images (B, 3, H, W) in [0, 1].

    A task's random choices depend on the crop's content and task.mask_seed alone: every run sees the same.
    """
    _, pixels = dataset_of(config).val_crops(config.val_images)
    # A crop's content, not its place in the list: its hole stays where it is when other crops are scored.
    keys = [[task.mask_seed, int.from_bytes(hashlib.sha256(crop.tobytes()).digest()[:8], "big")] for crop in pixels]
    built, batches = build_task(task), []
    for start in range(0, len(pixels), BATCH):
        rgb = to_images(upload(pixels[start : start + BATCH], device))
        batches.append((built.batch(rgb, keys[start : start + BATCH]), rgb))
    return batches


@lru_cache(maxsize=2)
def lab_photographs(config: DataConfig) -> LabPhotographs:
    """The train photographs in Lab, on the CPU; kept for the process."""
    return LabPhotographs(dataset_of(config))


@lru_cache(maxsize=2)
def photographs_on(device: torch.device, config: DataConfig) -> PhotographsOnDevice | None:
    """The train photographs in the memory of a CUDA device, or None where they do not fit; kept for the process."""
    dataset = dataset_of(config)
    return PhotographsOnDevice(dataset, device) if fits_on_device(dataset, device) else None


def training_batch(config: RunConfig, step: int, device: torch.device) -> Batch:
    """The batch of a step: a function of config.seed and the step alone."""
    return _training_batches(config, range(step, step + 1), device)[0]


class BatchesAhead:
    """`training_batch` of one step after the other, made several at a time.

    A batch costs a third of what it costs when made alone, because an update leaves nothing of the photographs in the
    processor's caches.
    """

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        size, side = config.train.batch_size, config.data.image_size
        is_alone = device.type == "cpu" and not fills_vectors(3 * size * side**2)
        step_bytes = 4 * FLOATS_PER_PIXEL * size * side**2 * (1 + config.discriminator_batches)
        self.count = 1 if is_alone else max(1, BYTES_AHEAD[device.type] // step_bytes)
        self._ahead: dict[int, Batch] = {}

    def __call__(self, step: int) -> Batch:
        """The batch of a step. Each can be had once."""
        if step not in self._ahead:
            steps = range(step, step + self.count)
            self._ahead = dict(zip(steps, _training_batches(self.config, steps, self.device), strict=True))
        return self._ahead.pop(step)


def _training_batches(config: RunConfig, steps: range, device: torch.device) -> list[Batch]:
    """The batches of several steps, made as one batch. On the CPU, several steps need sizes that `fills_vectors`."""
    size, side = config.train.batch_size, config.data.image_size
    dataset = dataset_of(config.data)
    parts = [(step, part) for step in steps for part in range(_parts(config, step))]
    drawn = [dataset.draw(size, config.seed, step, config.data.flip, part) for step, part in parts]
    crops = Crops(*map(np.concatenate, zip(*drawn, strict=True)))
    # The key of part 0 is what it is without fresh batches, so that the generator sees the same with and without them.
    keys = [[config.seed, step, image, *([part] if part else [])] for step, part in parts for image in range(size)]
    is_lab = config.task.name == "colorization"
    if device.type == "cuda":
        photographs = photographs_on(device, config.data)
        pixels = photographs.cut(crops) if photographs else upload(dataset.cut(crops), device)
        whole = Batch(*lab_of(pixels)) if is_lab else build_task(config.task).batch(to_images(pixels), keys)
    elif is_lab and fills_vectors(3 * size * side**2):
        whole = Batch(*lab_photographs(config.data).cut(crops))
    else:
        whole = build_task(config.task).batch(to_images(upload(dataset.cut(crops), device)), keys)
    batches = iter([_slice(whole, slice(start, start + size)) for start in range(0, len(whole), size)])
    return [_step_batch(list(islice(batches, _parts(config, step)))) for step in steps]


def _parts(config: RunConfig, step: int) -> int:
    """Batches of a step: the generator's, and behind pretraining those of the discriminator's updates."""
    return 1 + (config.discriminator_batches if step >= config.train.pretrain_steps else 0)


def _step_batch(parts: list[Batch]) -> Batch:
    return replace(parts[0], fresh=tuple(parts[1:]))


def training_photographs(config: DataConfig) -> Iterator[Tensor]:
    """Each training image whole at its smallest level, (1, 3, H, W) in [0, 1] on the CPU, for statistics of the set."""
    dataset = dataset_of(config)
    for photo in dataset.train:
        smallest = min(photo.levels, key=lambda level: level.height * level.width)
        pixels = dataset.level_pixels(
            smallest
        ).copy()  # torch wants memory that it may write, and the cache is read-only
        yield to_images(torch.from_numpy(pixels[None]))


def validation_crops(config: DataConfig) -> list[dict[str, str]]:
    """The names of each validation crop and its photograph, in the order of the records."""
    dataset = dataset_of(config)
    names, _ = dataset.val_crops(config.val_images)
    return [{"image": name, "photograph": dataset.photograph_of(name)} for name in names]
