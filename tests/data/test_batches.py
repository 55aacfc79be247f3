"""Training batches made the quick ways, against the plain one: crops, kornia and a square of zeros, image by image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kornia.color import rgb_to_lab

from bench.config import RunConfig
from bench.data import lab
from bench.data.batches import BatchesAhead, dataset_of, lab_photographs, training_batch
from bench.data.device import PhotographsOnDevice
from bench.data.tasks import Batch

CPU = torch.device("cpu")


def config(task: str, size: int, batch_size: int, **task_fields: object) -> RunConfig:
    return RunConfig.model_validate(
        {
            "task": {"name": task, **task_fields},
            "data": {"image_size": size},
            "tiling": {"grid": 1},
            "generator": {"depth": 1},
            "train": {"batch_size": batch_size},
            "seed": 3,
        }
    )


def plain(config: RunConfig, step: int) -> Batch:
    """What the runs of the committed reports were trained on."""
    size, dataset = config.train.batch_size, dataset_of(config.data)
    crops = dataset.draw(size, config.seed, step, config.data.flip)
    pixels = np.empty((size, config.data.image_size, config.data.image_size, 3), np.uint8)
    for i, (level, (top, left), mirrored) in enumerate(zip(*crops, strict=True)):
        window = dataset.level_pixels(dataset.train_levels[level])[top:, left:][: len(pixels[i]), : len(pixels[i])]
        pixels[i] = window[:, ::-1] if mirrored else window
    rgb = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    if config.task.name == "colorization":
        found = rgb_to_lab(rgb)
        return Batch(found[:, :1] / 50 - 1, found[:, 1:] / 110)
    mask, side = torch.zeros(size, 1, *rgb.shape[2:]), round(config.task.hole * rgb.shape[2])
    for image in range(size):
        room = [rgb.shape[2] - side + 1] * 2
        top, left = np.random.default_rng([2, config.seed, step, image]).integers(room)
        mask[image, :, top : top + side, left : left + side] = 1
    shown = 2 * rgb * (1 - mask) - 1
    return Batch(torch.cat([shown, mask], 1) if config.task.mask_known else shown, 2 * rgb - 1, mask)


def fresh(task: str, method: str = "gan") -> RunConfig:
    """Two fresh batches an iteration, from step 2 on."""
    fields = config(task, 32, 4).model_dump()
    train = {"batch_size": 4, "steps": 10, "pretrain_steps": 2, "d_steps": 2, "fresh_batches": True}
    return RunConfig.model_validate(fields | {"method": method, "train": train})


@pytest.mark.parametrize("task", ["colorization", "inpainting"])
def test_fresh_batches_are_a_function_of_seed_step_and_update(task: str) -> None:
    ahead, known = BatchesAhead(fresh(task), CPU), set()
    for step in range(4):
        batch, again = ahead(step), training_batch(fresh(task), step, CPU)
        assert len(batch.fresh) == (2 if step >= 2 else 0)  # none while D does not learn
        assert_same_bits(batch, training_batch(config(task, 32, 4), step, CPU))  # G's is what it is without
        for ours, theirs in zip(batch.fresh, again.fresh, strict=True):
            assert_same_bits(ours, theirs)
        known |= {b.input.numpy().tobytes() for b in (batch, *batch.fresh)}
    assert len(known) == 4 + 2 * 2


def test_fresh_batches_are_drawn_for_the_gan_alone() -> None:
    assert training_batch(fresh("colorization", "l1_unet"), 5, CPU).fresh == ()


def assert_same_bits(ours: Batch, theirs: Batch) -> None:
    for a, b in ((ours.input, theirs.input), (ours.target, theirs.target), (ours.mask, theirs.mask)):
        if a is None or b is None:
            assert a is b
        else:
            assert a.shape == b.shape
            assert len(a) == 1 or a.stride() == b.stride()
            assert a.contiguous().numpy().tobytes() == b.contiguous().numpy().tobytes()


@pytest.mark.parametrize("limit", [lab.LIMIT, 0], ids=["kept in Lab", "converted each time"])
@pytest.mark.parametrize(("size", "batch_size", "steps"), [(64, 4, 20), (64, 16, 8), (256, 4, 2), (24, 3, 6)])
def test_colour_is_kornias_to_the_last_bit(
    limit: int, size: int, batch_size: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "LIMIT", limit)
    lab_photographs.cache_clear()
    asked = config("colorization", size, batch_size)
    ahead = BatchesAhead(asked, CPU)
    for step in range(steps):
        assert_same_bits(ahead(step), plain(asked, step))
    assert_same_bits(training_batch(asked, 1, CPU), plain(asked, 1))


def test_so_it_is_in_every_colour_of_photographs_dark_ones_too() -> None:
    """Every pixel of every level, and all of them darkened until most lie below the threshold of the cube root."""
    dataset = dataset_of(config("colorization", 64, 4).data)
    pixels = np.concatenate([dataset.level_pixels(level).reshape(-1, 3) for level in dataset.train_levels])
    for shown in (pixels, pixels // 16, pixels // 64):
        whole = shown[: len(shown) // lab.VECTOR * lab.VECTOR]
        found = rgb_to_lab(torch.from_numpy(whole.T.reshape(1, 3, 1, -1).copy()).float() / 255)[0, :, 0]
        expected = torch.stack([found[0] / 50 - 1, found[1] / 110, found[2] / 110])
        assert torch.equal(lab.to_lab(torch.from_numpy(shown))[:, : len(whole)], expected)


@pytest.mark.parametrize("threads", [1, 5])
def test_where_the_last_bits_depend_on_the_place_in_the_batch_kornia_does_it(threads: int) -> None:
    """20 x 20 pixels end within a vector, and 64 x 64 x 16 do in a thread's part."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for asked in (config("colorization", 20, 1), config("colorization", 64, 16)):
            ahead = BatchesAhead(asked, CPU)
            for step in range(3):
                assert_same_bits(ahead(step), plain(asked, step))
        assert not lab.fills_vectors(3 * 20 * 20)
        assert lab.fills_vectors(3 * 16 * 64 * 64) == (threads == 1)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("fields", [{}, {"mask_known": True, "hole": 0.4}])
def test_inpainting_is_the_same_too(fields: dict[str, object]) -> None:
    asked = config("inpainting", 64, 4, **fields)
    ahead = BatchesAhead(asked, CPU)
    for step in (*range(12), 40, 41, 7):  # a resumed run begins anywhere
        assert_same_bits(ahead(step), plain(asked, step))


def test_one_gather_cuts_the_same_pixels_as_the_host() -> None:
    dataset = dataset_of(config("colorization", 64, 4).data)
    photographs = PhotographsOnDevice(dataset, CPU)
    for step in range(5):
        crops = dataset.draw(16, 0, step, True)
        assert 0 < crops.mirrored.sum() < 16
        np.testing.assert_array_equal(photographs.cut(crops).numpy(), dataset.cut(crops))
    assert len(photographs.pixels) == sum(3 * level.height * level.width for level in dataset.train_levels)


@pytest.mark.gpu
@pytest.mark.parametrize("task", ["colorization", "inpainting"])
def test_on_cuda_batches_are_those_of_the_cpu(task: str) -> None:
    asked, cuda = config(task, 64, 16), torch.device("cuda")
    ahead = BatchesAhead(asked, cuda)
    for step in range(3):
        ours, theirs = ahead(step), training_batch(asked, step, CPU)
        torch.testing.assert_close(ours.input.cpu(), theirs.input, rtol=0, atol=1e-4)
        torch.testing.assert_close(ours.target.cpu(), theirs.target, rtol=0, atol=1e-4)
        assert (ours.mask is None) == (task == "colorization")
        if ours.mask is not None and theirs.mask is not None:
            assert torch.equal(ours.mask.cpu(), theirs.mask)
