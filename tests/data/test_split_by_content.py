"""The split by content comes after decoding, and keeps copies and near copies together."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.errors import InputError


def by_content(files: list[Path]) -> list[str]:
    return [f.name for f in sorted(files, key=lambda f: hashlib.sha256(f.read_bytes()).hexdigest())]


def names(photos) -> list[str]:
    return [photo.name for photo in photos]


def test_a_tenth_by_content_is_val(tmp_path, write_image, opened):
    files = [write_image(tmp_path / "images" / f"{i}.png", i) for i in range(25)]
    dataset = opened(tmp_path / "images")
    assert names(dataset.val) == by_content(files)[:2]
    assert names(dataset.train) == by_content(files)[2:]
    assert dataset.split_rule == "by content: sorted by sha256, the first tenth (at least one) is val"


def test_what_cannot_be_used_takes_no_ones_place(tmp_path, write_image, opened):
    root = tmp_path / "images"
    files = [write_image(root / f"{i}.png", i) for i in range(9)]
    before = opened(root)
    places = 0
    for seed in range(100, 160):  # too small or broken, and some of them first by content
        path = write_image(root / f"{seed}.png", seed, 9, 9) if seed % 2 else root / f"{seed}.png"
        if not seed % 2:
            path.write_text(f"broken {seed}")
        places += by_content([*files, path])[0] == path.name
    after = opened(root)
    assert places > 0
    assert (names(after.val), names(after.train)) == (names(before.val), names(before.train))
    assert after.fingerprint == before.fingerprint
    assert len(after.skipped) == 60


def test_copies_share_a_split_whatever_their_encoding(tmp_path, write_image, opened):
    root = tmp_path / "images"
    for i in range(3):
        shutil.copy(write_image(root / f"{i}.png", i), root / f"{i}-copy.png")
        Image.open(root / f"{i}.png").save(root / f"{i}.webp", lossless=True)
        Image.open(root / f"{i}.png").save(root / f"{i}.tif")
    dataset = opened(root)
    assert (len(dataset.train), len(dataset.val)) == (2, 1)
    assert {p.name[0] for p in dataset.train}.isdisjoint({p.name[0] for p in dataset.val})
    assert dataset.describe()["skipped_by_reason"] == {"the same content as another image": 9}
    (root / "renamed.png").symlink_to("0.png")
    assert opened(root).fingerprint == dataset.fingerprint


def smooth(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (9, 10, 3), np.uint8)
    return Image.fromarray(noise).resize((160, 144), Image.Resampling.BICUBIC)


def test_near_copies_share_a_split(tmp_path, opened):
    for seed in range(10):
        smooth(seed).save(tmp_path / f"{seed}.png")
        smooth(seed).save(tmp_path / f"{seed}.jpg", quality=70)
    dataset = opened(tmp_path)
    assert (len(dataset.train), len(dataset.val)) == (18, 2)
    assert {p.name[0] for p in dataset.train}.isdisjoint({p.name[0] for p in dataset.val})
    assert dataset.near_copies == []
    assert "near copies share a split" in dataset.split_rule


def test_a_set_of_one_kind_of_picture_is_split_all_the_same(tmp_path, opened):
    for quality in range(50, 90, 2):
        smooth(0).save(tmp_path / f"{quality}.jpg", quality=quality)
    dataset = opened(tmp_path)
    assert (len(dataset.train), len(dataset.val)) == (18, 2)
    assert len(dataset.near_copies) == 18  # and it is said


def test_near_copies_that_nothing_parts_change_nothing(tmp_path, write_image, opened):
    files = [write_image(tmp_path / f"{i}.png", i) for i in range(20)]
    files += [tmp_path / "a.png", tmp_path / "b.jpg"]
    for seed in range(10):
        for file in files[-2:]:
            smooth(seed).save(file)
        first = by_content(files)[:2]
        if not {"a.png", "b.jpg"} & set(first):
            break
    dataset = opened(tmp_path)
    assert names(dataset.val) == first
    assert "near copies" not in dataset.split_rule


def test_families_of_near_copies_fill_no_more_than_the_tenth(tmp_path, opened):
    """As the frames of ten films: one film is the tenth, though a tenth of all frames would be of most of them."""
    for film in range(10):
        for quality in range(50, 80, 3):
            smooth(film).save(tmp_path / f"{film}-{quality}.jpg", quality=quality)
    dataset = opened(tmp_path)
    assert (len(dataset.train), len(dataset.val)) == (90, 10)
    assert len({p.name[0] for p in dataset.val}) == 1


def test_a_large_kind_of_picture_does_not_fill_val(tmp_path, write_image, opened):
    for quality in range(50, 90, 2):
        smooth(0).save(tmp_path / f"{quality}.jpg", quality=quality)
    for seed in range(10):
        write_image(tmp_path / f"{seed}.png", seed)
    dataset = opened(tmp_path)
    assert [p.name[-3:] for p in dataset.val] == ["png", "png", "png"]


def test_a_split_needs_two_images_that_can_be_used(tmp_path, write_image, opened):
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name)
    words = "the 2 usable images of 2 are of one photograph or all alike, and train and val need one each; add"
    with pytest.raises(InputError, match=words):
        opened(tmp_path)
    (tmp_path / "b.png").write_text("broken")
    with pytest.raises(InputError, match=r"1 of the 2 images can be used, .*b.png: not an image that Pillow can read"):
        opened(tmp_path)


def test_crops_of_one_photograph_share_a_split(tmp_path, write_image, opened):
    given = [f"{photo}{crop}.png" for photo in "cdef" for crop in range(5)]
    for seed, name in enumerate(given):
        write_image(tmp_path / name, seed)
    (tmp_path / "manifest.csv").write_text("file,photo\n" + "".join(f"{name},{name[0]}\n" for name in given))
    dataset = opened(tmp_path)
    assert len(dataset.val) == 5
    assert {p.name[0] for p in dataset.train}.isdisjoint({p.name[0] for p in dataset.val})
    assert dataset.split_rule.startswith("by photograph, as manifest.csv says: ")


def test_a_copy_brings_two_photographs_together(tmp_path, write_image, opened):
    """A file that no row lists, and one that a row does, with the same pixels."""
    for seed in range(6):
        write_image(tmp_path / f"{seed}.png", seed)
    shutil.copy(tmp_path / "0.png", tmp_path / "copy.png")
    (tmp_path / "manifest.csv").write_text("file,photo\n0.png,barn\n1.png,barn\n2.png,mill\n3.png,mill\n")
    for name in ("copy.png", "00.png"):
        (tmp_path / "copy.png").rename(tmp_path / name)
        dataset = opened(tmp_path)
        split = {p.name: s for s, photos in (("train", dataset.train), ("val", dataset.val)) for p in photos}
        assert split["1.png"] == split["0.png"]  # the one that is listed stays, as a crop of its photograph
        assert "manifest.csv lists 4 of the 7 images, the others count one by one" in dataset.split_rule


def test_fewer_images_are_fewer_photographs(tmp_path, write_image, opened):
    given = [f"train/{photo}{crop}.png" for photo in "cdefghij" for crop in range(4)]
    for seed, name in enumerate([*given, "val/x.png"]):
        write_image(tmp_path / name, seed)
    (tmp_path / "manifest.csv").write_text("file,photo\n" + "".join(f"{name},{name[6]}\n" for name in given))
    dataset = opened(tmp_path, train_images=0.25)
    assert (len(dataset.train), dataset.describe()["train_photographs"]) == (8, 2)


def test_train_images_may_be_a_share_of_what_is_there(tmp_path, write_image, opened):
    for split, seeds in (("train", range(5)), ("val", (9,))):
        for seed in seeds:
            write_image(tmp_path / split / f"{seed}.png", seed)
    sizes = {}
    for wanted in (None, 0.01, 0.5, 0.99, 3):
        sizes[wanted] = {photo.name for photo in opened(tmp_path, train_images=wanted).train}
    assert [len(names) for names in sizes.values()] == [5, 1, 2, 5, 3]
    assert sizes[0.01] < sizes[0.5] < sizes[3] < sizes[None]  # one is part of the next
