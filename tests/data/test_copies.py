"""Copies between train and val: the same pixels are skipped, nearly the same are named."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image

from bench.data.copies import NearCopy, kin_of, nearest_pairs
from bench.data.decode import NEAR_COPY_BITS


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "bmp", "ppm"])
def test_the_same_pixels_in_val_are_skipped_and_named(tmp_path, write_image, opened, suffix):
    for seed, name in enumerate(["train/a.png", "train/b.png", "val/c.png"]):
        write_image(tmp_path / name, seed)
    options = {"lossless": True} if suffix == "webp" else {}
    Image.open(tmp_path / "val/c.png").save(tmp_path / f"train/again.{suffix}", **options)
    Image.open(tmp_path / "train/a.png").save(tmp_path / f"train/z.{suffix}", **options)
    dataset = opened(tmp_path)
    assert (len(dataset.train), [p.name for p in dataset.val]) == (2, ["val/c.png"])
    skipped = {s.name: s.reason for s in dataset.skipped}
    assert skipped.pop(f"train/again.{suffix}") == "the same content is in val (as val/c.png)"
    ((name, reason),) = skipped.items()  # of copies within a split the first by sha256 stays, so that no name decides
    other = {"train/a.png", f"train/z.{suffix}"} - {name}
    assert reason == f"the same content as another image (as {other.pop()})"


def test_near_copies_are_named(tmp_path, write_image, opened):
    noise = np.random.default_rng(0).integers(0, 256, (9, 10, 3), np.uint8)
    picture = Image.fromarray(noise).resize((160, 144), Image.Resampling.BICUBIC)
    for seed, name in enumerate(["train/a.png", "train/b.png", "val/c.png"]):
        write_image(tmp_path / name, seed)
    picture.save(tmp_path / "val/d.png")
    picture.resize((80, 72)).save(tmp_path / "train/small.png")
    picture.save(tmp_path / "train/again.jpg", quality=80)
    dataset = opened(tmp_path)
    assert sorted(dataset.near_copies) == [
        NearCopy("train/again.jpg", "val/d.png"),
        NearCopy("train/small.png", "val/d.png"),
    ]
    assert dataset.describe()["near_copies"] == 2


def test_nearest_is_exact_and_quick():
    rng = np.random.default_rng(0)
    left, right = (rng.integers(0, 2**64, count, np.uint64) for count in (8000, 1000))
    planted = {70: 3, 7999: 999, 4000: 0}
    for row, column in planted.items():
        bits = rng.choice(64, NEAR_COPY_BITS, replace=False)
        left[row] = right[column] ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64))
    left[71] = right[5] ^ np.uint64(2 ** (NEAR_COPY_BITS + 1) - 1)  # one bit too many
    start = time.perf_counter()
    assert dict(nearest_pairs(left, right)) == planted
    assert time.perf_counter() - start < 1
    assert nearest_pairs(left, right[:0]) == nearest_pairs(left[:0], right) == []


def test_kin_are_near_by_way_of_others():
    step = (1 << NEAR_COPY_BITS) - 1
    chain = [0, step, step | step << NEAR_COPY_BITS]  # each near the next, the ends not near each other
    labels = kin_of([chain[2], None, chain[0], 2**64 - 1, None, chain[1]])
    assert labels[0] == labels[2] == labels[5]
    assert len(set(labels)) == 4
