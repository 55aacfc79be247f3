"""The names of files: printable, and different for different files."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.files import printable_path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("train/café 1.png", "train/café 1.png"),
        ("new\nline.png", r"new\nline.png"),
        ("new\\nline.png", r"new\\nline.png"),  # a backslash and an n
        ("a\\b.png", r"a\b.png"),  # not taken for anything else
        ("a\\b\t.png", r"a\\b\t.png"),
        ("9.41\u202fAM.png", r"9.41\u202fAM.png"),
        (os.fsdecode(b"caf\xe9.png"), r"caf\udce9.png"),
        ("turned\u202egnp.png", r"turned\u202egnp.png"),
    ],
)
def test_names_can_be_printed(path, name):
    assert printable_path(path) == name


paths = st.text(st.sampled_from("an\\\n\t xu0\u202f\xa0\udce9") | st.characters(), max_size=8)


@given(paths, paths)
def test_different_paths_have_different_names(one, other):
    assert printable_path(one).isprintable()
    assert (printable_path(one) == printable_path(other)) == (one == other)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_files_of_alike_names_are_photographs_of_their_own(tmp_path, write_image, opened):
    raw = ["new\nline.png", "new line.png", "new\\nline.png", os.fsdecode(b"caf\xe9.png"), "caf\\udce9.png"]
    for seed, name in enumerate(raw):
        write_image(tmp_path / "train/a.png", seed).rename(tmp_path / "train" / name)
        write_image(tmp_path / "val/a.png", 10 + seed).rename(tmp_path / "val" / name)
    dataset = opened(tmp_path)
    crops, _ = dataset.val_crops(None)
    assert len({dataset.photograph_of(crop) for crop in crops}) == len(raw)
    assert dataset.describe()["train_photographs"] == len(raw)
    assert all(crop.isprintable() for crop in crops)
