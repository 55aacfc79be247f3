"""A data set in words: what was recorded, what was not, and that a narrow terminal loses nothing."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.report.tables.data_set import RECORDED, data_words, described_table

DATA = {"name": "folder x", "fingerprint": "f" * 16, "train_images": 30, "train_photographs": 12, "val_images": 1}
DATA |= {"val_photographs": 1, "split_rule": "by content", "skipped": 12}
FULL = DATA | {
    "image_size": 64,
    "train_gray": 3,
    "val_gray": 0,
    "profiles": {"converted": 2, "broken": 1},
    "skipped_by_reason": {"not an image that Pillow can read": 11, "cannot be read": 1},
    "skipped_first": [{"name": f"[red]{i}.png", "reason": "not an image that Pillow can read"} for i in range(10)],
    "left_out": {"@eaDir/": 40},
    "left_out_places": 1,
    "left_out_images": 40,
    "near_copies": 1,
    "near_copies_first": [{"train": "train/a.png", "val": "val/b.png"}],
    "not_in_manifest": 4,
    "only_in_manifest": 1,
    "only_in_manifest_first": ["gone.png"],
}


def test_null_facts_are_named_as_not_recorded():
    assert data_words(DATA | dict.fromkeys(RECORDED) | {"val_gray": None}) == (
        "12 files skipped; not recorded: images left out, gray images, colour profiles, near copies and rows of the "
        "manifest without an image"
    )


def test_the_words_say_what_a_reader_has_to_know():
    assert data_words(FULL) == (
        "12 files skipped; 40 images in other folders left out; gray: 3 of 30 training images, 0 of 1 validation "
        "images; colours of 2 images converted to sRGB; colours of 1 image read as sRGB because the profile is broken; "
        "1 training image nearly identical to a validation image; 1 row of the manifest without an image"
    )


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_table_loses_nothing_where_it_is_narrow(width):
    file = io.StringIO()
    Console(file=file, width=width).print(described_table(FULL))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(line.split()) for line in lines)
    for words in (
        "data folder x",
        "training 30 images of 12 photographs",
        "validation 1 image split",
        "gray 3 of 30 training images, 0 of 1 validation images",
        "skipped 12 files [red]0.png: not an image that Pillow can read",
        "... and 2 more by reason: 11 x not an image that Pillow can read 1 x cannot be read",
        "left out 40 images 40 in @eaDir/",
        "near copies 1 training image nearly identical to a validation image train/a.png is like val/b.png",
        "manifest 4 images not listed, 1 row without an image gone.png",
    ):
        assert words in text
