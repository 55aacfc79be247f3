"""The notes on a data set before training."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bench.config import TaskConfig
from bench.data.advice import advice
from bench.errors import InputError

COLORIZATION, INPAINTING = TaskConfig(name="colorization"), TaskConfig(name="inpainting")


@pytest.fixture
def gray_set(tmp_path, write_image):
    """gray_set(train, val): ten images in each split, so many of them gray."""

    def make(train: int, val: int) -> Path:
        for split, gray in (("train", train), ("val", val)):
            for i in range(10):
                path = write_image(tmp_path / split / f"{i}.png", i + 100 * (split == "val"))
                if i < gray:
                    Image.open(path).convert("L").save(path)
        return tmp_path

    return make


@pytest.mark.parametrize(("train", "val"), [(0, 0), (3, 0), (9, 10)])
def test_gray_images_are_counted_and_their_share_is_said(gray_set, opened, train, val):
    dataset = opened(gray_set(train, val))
    described = dataset.describe()
    assert (described["train_gray"], described["val_gray"]) == (train, val)
    assert advice(dataset, INPAINTING) == []
    lines = advice(dataset, COLORIZATION)
    assert [line for line in lines if "training images are gray" in line] == (
        [f"{dataset.name}: {train} of the 10 training images are gray ({train}0%); data.skip_gray=true leaves them out"]
        if train
        else []
    )
    assert any("10 of the 10 validation images are gray (100%)" in line for line in lines) == (val == 10)


def test_colours_cannot_be_learned_without_any(gray_set, opened):
    dataset = opened(gray_set(10, 0))
    with pytest.raises(
        InputError, match=r"all 10 training images are gray, and colorization learns from colours; give"
    ):
        advice(dataset, COLORIZATION)
    assert advice(dataset, INPAINTING) == []


def test_skip_gray_leaves_gray_images_out_of_training(gray_set, opened):
    root = gray_set(3, 2)
    every, coloured = opened(root), opened(root, skip_gray=True)
    assert (len(every.train), len(every.val)) == (10, 10)
    assert (len(coloured.train), len(coloured.val)) == (7, 10)  # what is scored stays the same
    assert not any(photo.is_gray for photo in coloured.train)
    assert coloured.describe()["skipped_by_reason"] == {"gray": 3}
    assert coloured.fingerprint != every.fingerprint
    with pytest.raises(InputError, match=r"no train image is left; skipped: 10 \(train/0.png: gray"):
        opened(gray_set(10, 0), skip_gray=True)


def test_copies_and_strange_rows_are_said(tmp_path, write_image, opened):
    picture = Image.open(write_image(tmp_path / "train/a.png", 0, 10, 9)).resize((160, 144), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "train/a.png")
    (tmp_path / "val").mkdir()
    picture.save(tmp_path / "val/b.jpg")
    (tmp_path / "manifest.csv").write_text("file,photo\ntrain/a.png,one\ngone.png,two\n")
    name = f"folder {tmp_path.name}"
    assert advice(opened(tmp_path), INPAINTING) == [
        f"{name}: 1 of the 1 training images looks nearly like a validation image, such as train/a.png like val/b.jpg; "
        "if they are copies, scores are too good",
        f"{name}: 1 of the rows of manifest.csv names no image of the folder, such as gone.png",
    ]
