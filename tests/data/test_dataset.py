"""Fingerprints, subsets, training batches and validation crops."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.config import DataConfig
from bench.data.dataset import Dataset, open_dataset
from bench.data.decode import Pixels
from bench.errors import InputError

SIZE = 8


def config(root: Path, **fields: object) -> DataConfig:
    return DataConfig.model_validate({"name": "folder", "path": str(root), "image_size": SIZE} | fields)


@pytest.fixture
def root(tmp_path, write_image) -> Path:
    """12 train images and 3 val images of 30 x 20 pixels."""
    for i in range(15):
        write_image(tmp_path / "images" / ("train" if i < 12 else "val") / f"{i}.png", i, 30, 20)
    return tmp_path / "images"


def train_batch(dataset: Dataset, batch_size: int, seed: int, step: int, flip: bool) -> Pixels:
    return dataset.cut(dataset.draw(batch_size, seed, step, flip))


def has_window(dataset: Dataset, crop: np.ndarray) -> bool:
    levels = [dataset.level_pixels(level) for photo in dataset.train for level in photo.levels]
    windows = [np.lib.stride_tricks.sliding_window_view(lv, (SIZE, SIZE, 3)) for lv in levels]
    return any(bool((w == crop).all(axis=(-3, -2, -1)).any()) for w in windows)


def test_photos():
    dataset = open_dataset(DataConfig(name="photos", image_size=64))
    assert (len(dataset.train), len(dataset.val), dataset.skipped) == (6, 3, [])
    assert train_batch(dataset, 4, 0, 0, True).shape == (4, 64, 64, 3)
    assert [n for n in dataset.val_crops(3)[0] if n.startswith("coffee")] == ["coffee@1x[0,0]"]


def test_the_fingerprint_is_of_content_and_split_alone(root, tmp_path):
    def fingerprint(**fields: object) -> str:
        return open_dataset(config(tmp_path / "other", **fields)).fingerprint

    shutil.copytree(root, tmp_path / "other")
    original = open_dataset(config(root)).fingerprint
    assert len(original) == 16
    (tmp_path / "other/train/0.png").rename(tmp_path / "other/train/zebra.png")
    assert fingerprint() == fingerprint(image_size=10) == original
    (tmp_path / "other/train/broken.png").write_text("skipped")
    assert fingerprint() == original
    (tmp_path / "other/train/zebra.png").rename(tmp_path / "other/val/zebra.png")
    moved = fingerprint()
    (tmp_path / "other/val/zebra.png").unlink()
    assert len({original, moved, fingerprint(), fingerprint(train_images=5)}) == 4


def test_names_do_not_change_the_batches(root):
    before = train_batch(open_dataset(config(root)), 16, 0, 0, True)
    (root / "train/0.png").rename(root / "train/zebra.png")
    np.testing.assert_array_equal(train_batch(open_dataset(config(root)), 16, 0, 0, True), before)


def test_a_batch_is_a_function_of_seed_and_step(root):
    dataset, again = open_dataset(config(root)), open_dataset(config(root))
    batch = train_batch(dataset, 16, 3, 7, True)
    np.random.seed(5)
    for step in range(3):
        train_batch(again, 16, 3, step, True)
    np.testing.assert_array_equal(train_batch(again, 16, 3, 7, True), batch)
    assert (batch.shape, batch.dtype) == ((16, SIZE, SIZE, 3), np.uint8)
    assert batch.flags.c_contiguous
    assert batch.flags.owndata
    assert (train_batch(dataset, 16, 3, 8, True) != batch).any()
    assert (train_batch(dataset, 16, 4, 7, True) != batch).any()


def test_crops_are_windows_and_flips_are_their_mirror(root):
    dataset = open_dataset(config(root))
    straight, flipped = train_batch(dataset, 40, 0, 0, False), train_batch(dataset, 40, 0, 0, True)
    assert all(has_window(dataset, crop) for crop in straight)
    mirrored = [(b == a[:, ::-1]).all() and (b != a).any() for a, b in zip(straight, flipped, strict=True)]
    same = [(b == a).all() for a, b in zip(straight, flipped, strict=True)]
    assert all(m or s for m, s in zip(mirrored, same, strict=True))
    assert 8 < sum(mirrored) < 32


def test_photographs_levels_and_positions_are_all_drawn(tmp_path, write_image):
    """Photographs are drawn alike whatever their number of levels; so are levels, and positions to the last one."""
    write_image(tmp_path / "images/train/small.png", 1, 10, 9)  # one level of 9 x 8: two positions
    write_image(tmp_path / "images/train/large.png", 2, 16, 16)  # levels of 8, 12, 16: 1, 25 and 81 positions
    write_image(tmp_path / "images/val/val.png", 3)
    dataset = open_dataset(config(tmp_path / "images"))
    count: dict[bytes, int] = {}
    for crop in train_batch(dataset, 8000, 0, 0, False):
        count[crop.tobytes()] = count.get(crop.tobytes(), 0) + 1
    windows = {
        (photo.name, level.scale): np.lib.stride_tricks.sliding_window_view(
            dataset.level_pixels(level), (SIZE, SIZE, 3)
        ).reshape(-1, SIZE, SIZE, 3)
        for photo in dataset.train
        for level in photo.levels
    }
    expected = {("train/large.png", scale): 8000 / 6 for scale in (1.0, 1.5, 2.0)} | {("train/small.png", 1.0): 4000}
    assert windows.keys() == expected.keys()
    for key, crops in windows.items():
        drawn = [count[crop.tobytes()] for crop in crops]  # KeyError: a position that is never drawn
        assert sum(drawn) == pytest.approx(expected[key], rel=0.1)
    assert sum(count.values()) == 8000


def test_subsets_of_one_seed_are_nested(root):
    def chosen(count: int | None, seed: int = 0) -> set[str]:
        return {p.sha256 for p in open_dataset(config(root, train_images=count, subset_seed=seed)).train}

    sizes = [chosen(n) for n in (1, 4, 8, 12)]
    assert [len(s) for s in sizes] == [1, 4, 8, 12]
    assert all(a < b for a, b in pairwise(sizes))
    assert chosen(4, seed=1) != sizes[1]
    assert chosen(None) == sizes[3]
    with pytest.raises(InputError, match=r"data.train_images is 13, but there are 12"):
        chosen(13)


def test_a_search_chooses_on_one_half_and_confirms_on_the_other(root):
    every, chosen, confirmed = (open_dataset(config(root, score_on=part)) for part in ("all", "validation", "test"))
    names = [{photo.name for photo in part.val} for part in (every, chosen, confirmed)]
    assert [len(part) for part in names] == [3, 2, 1]
    assert names[1] | names[2] == names[0]
    assert len({part.fingerprint for part in (every, chosen, confirmed)}) == 3
    assert [photo.name for photo in every.train] == [photo.name for photo in chosen.train]
    assert confirmed.split_rule.endswith("the test half")


def test_crops_of_one_photograph_lie_in_one_half(root):
    (root / "manifest.csv").write_text("file,photo\nval/12.png,a\nval/13.png,a\nval/14.png,b\n")
    halves = [open_dataset(config(root, score_on=part)) for part in ("validation", "test")]
    assert sorted(len(half.val) for half in halves) == [1, 2]


def test_two_halves_need_two_photographs(tmp_path, write_image):
    for i in range(2):
        write_image(tmp_path / "images" / ("train" if i < 1 else "val") / f"{i}.png", i, 30, 20)
    with pytest.raises(InputError, match=r"data\.score_on is test, but val/1\.png is the only photograph"):
        open_dataset(config(tmp_path / "images", score_on="test"))


def test_val_crops_are_a_centred_grid_breadth_first(root):
    dataset = open_dataset(config(root, scales=(1.0, 2.0)))
    names, crops = dataset.val_crops(None)
    stems = [p.name for p in dataset.val]
    # 30 x 20 px: level 1x is 12 x 8, one crop; level 2x is 24 x 16, 3 x 2 crops with [1,1] in the middle
    grid = ["[1,1]", "[0,0]", "[0,1]", "[0,2]", "[1,0]", "[1,2]"]
    assert names == [f"{s}@1x[0,0]" for s in stems] + [f"{s}@2x{cell}" for cell in grid for s in stems]
    assert crops.shape == (3 + 18, SIZE, SIZE, 3)
    first, second = (dataset.level_pixels(level) for level in dataset.val[0].levels)
    np.testing.assert_array_equal(crops[0], first[:, 2:10])
    np.testing.assert_array_equal(crops[3], second[8:16, 8:16])


def test_val_crops_limit_is_a_prefix(root):
    names, crops = open_dataset(config(root)).val_crops(None)
    for limit in (1, 5, len(names) + 1):
        some_names, some = open_dataset(config(root, train_images=2)).val_crops(limit)
        assert some_names == names[:limit]
        np.testing.assert_array_equal(some, crops[:limit])


def test_nothing_left_lists_what_was_skipped(tmp_path, write_image):
    write_image(tmp_path / "images/train/a.png", 1)
    write_image(tmp_path / "images/val/small.png", 2, 5, 5)
    with pytest.raises(InputError, match=r"no val image is left; skipped: 1 .*val/small.png: smaller than") as caught:
        open_dataset(config(tmp_path / "images"))
    assert "data.path (--data)" in str(caught.value)


def test_describe_is_plain(root):
    for i in range(12):
        (root / "train" / f"broken{i:02d}.png").write_text(str(i))
    described = open_dataset(config(root)).describe()
    assert json.loads(json.dumps(described)) == described
    assert (described["train_photographs"], described["val_photographs"], described["skipped"]) == (12, 3, 12)
    assert described["split_rule"] == "the folders train/ and val/"
    first = described["skipped_first"]
    assert isinstance(first, list)
    assert len(first) == 10
    assert first[0] == {"name": "train/broken00.png", "reason": "not an image that Pillow can read"}
