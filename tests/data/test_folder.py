"""Any folder: which files are images of the set, and which splits are taken from names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.config import DataConfig
from bench.data.dataset import dataset_name
from bench.data.sources import Source, open_source
from bench.errors import InputError


def source_of(path: Path | None) -> Source:
    return open_source(DataConfig(name="folder", path=None if path is None else str(path)))


def names(source: Source, split: str | None = None) -> list[str]:
    return [file.name for file in source.files if file.split == split]


@pytest.fixture
def tree(tmp_path, write_image):
    """tree(names): a folder with images of these names, each of its own noise."""

    def make(*names: str) -> Path:
        for seed, name in enumerate(names):
            write_image(tmp_path / "images" / name, seed)
        return tmp_path / "images"

    return make


def test_any_tree_without_hidden_files(tree):
    root = tree("b/deep/x.PNG", "a.jpeg", "c.TIF", ".hidden.png", "._a.jpeg", ".git/y.png")
    (root / "notes.txt").write_text("not an image")
    (root / "b" / "circle").symlink_to(root)
    source = source_of(root)
    assert names(source) == ["a.jpeg", "b/deep/x.PNG", "c.TIF"]
    assert source.left_out == {"hidden files": 2, ".git/": 1}


def test_what_programs_keep_for_themselves_is_left_out_and_counted(tree):
    root = tree("a.png", "b.png", "x/c.png")
    for folder in (
        ".thumbnails",
        "@eaDir/a.png",
        "x/@eaDir",
        ".Trash-1000/files",
        "__MACOSX",
        "$RECYCLE.BIN",
        "@EADIR",
    ):
        (root / folder).mkdir(parents=True)
        os.mkfifo(root / folder / "pipe.jpg")  # counted without being opened
        (root / folder / "notes.txt").write_text("not an image")
    (root / ".cache").mkdir()  # without an image: not worth a word
    source = source_of(root)
    assert names(source) == ["a.png", "b.png", "x/c.png"]
    assert source.left_out == {
        ".thumbnails/": 1,
        "@eaDir/": 2,
        ".Trash-1000/": 1,
        "__MACOSX/": 1,
        "$RECYCLE.BIN/": 1,
        "@EADIR/": 1,
    }


def test_images_that_cannot_be_decoded_here_are_named(tree, opened):
    root = tree("a.png", "b.png")
    (root / "raw.NEF").write_bytes(b"raw")
    assert [(s.name, s.reason) for s in opened(root).skipped] == [
        ("raw.NEF", "a camera's raw file; develop it, and save it as TIFF, PNG or JPEG")
    ]


@pytest.mark.parametrize(
    ("train", "val", "rule"),
    [
        ("train", "val", "the folders train/ and val/"),
        ("Train", "Val", "the folders Train/ and Val/"),
        ("TRAIN", "validation", "the folders TRAIN/ and validation/"),
        ("training", "Valid", "the folders training/ and Valid/"),
        ("train", "test", "the folders train/ and test/, which stands in for val/"),
    ],
)
def test_folders_with_clear_names_are_the_split(tree, train, val, rule):
    root = tree(f"{train}/b.png", f"{train}/a.png", f"{val}/deep/c.png", "other/d.png", "e.png", ".x/f.png")
    source = source_of(root)
    assert names(source, "train") == [f"{train}/a.png", f"{train}/b.png"]
    assert names(source, "val") == [f"{val}/deep/c.png"]
    assert source.split_rule == rule
    assert source.left_out == {"other/": 1, "beside the folders of the split": 1, ".x/": 1}


def test_test_is_left_out_where_there_is_val(tree):
    source = source_of(tree("train/a.png", "val/b.png", "test/c.png", "test/d.png"))
    assert (names(source, "val"), source.left_out) == (["val/b.png"], {"test/": 2})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["train"], "has train/ but no val/; add val/, or rename train/"),
        (["Val"], "has Val/ but no train/"),
        (["test", "other"], "has test/ but no train/"),
        (["train", "Train", "val"], "has both Train/ and train/"),
        (["train", "val", "valid"], "has both val/ and valid/"),
        (["trainA", "trainB", "testA", "testB"], "trainA/ and trainB/, which look like a set of pairs"),
        (["horse2zebra/trainA", "horse2zebra/trainB"], "look like a set of pairs"),
        (["A/train", "A/val", "B/train", "B/val"], "has A/ and B/, which look like a set of pairs"),
        (["a", "b"], "has a/ and b/, which look like a set of pairs"),
        (["train2017", "val2017"], "train2017/ and val2017/, which look like a split but are not called"),
        (["DIV2K_train_HR", "DIV2K_valid_HR"], "which look like a split"),
        (["set/train", "set/val"], "but set/ in it has; give that folder"),
        (["set/images/Train", "set/images/test", "more"], "but set/images/ in it has; give that folder"),
        (["bottle/train/good", "bottle/test/good", "nut/train", "nut/test"], r"but bottle/ in it has \(and 1 more\)"),
    ],
)
def test_what_speaks_of_a_split_without_being_clear_is_refused(tree, given, words):
    with pytest.raises(InputError, match=words) as caught:
        source_of(tree(*(f"{folder}/{i}.png" for i, folder in enumerate(given))))
    assert str(caught.value).startswith("data.path (--data): ")


@pytest.mark.parametrize(
    "given",
    [["Model trains", "Portraits"], ["travel/train", "travel/bus"], ["a", "b", "c"], ["Training Day"], ["latest"]],
)
def test_other_names_are_no_split(tree, given):
    source = source_of(tree(*(f"{folder}/{i}.png" for i, folder in enumerate(given)), "0/x.png"))
    assert source.split_rule is None


def test_one_folder_of_two_names_is_one(tree):
    root = tree("train/a.png", "valid/b.png")
    (root / "val").symlink_to("valid")
    source = source_of(root)
    assert (len(names(source, "train")), len(names(source, "val")), source.left_out) == (1, 1, {})


def test_errors_name_the_path_and_the_field(tmp_path, write_image):
    empty, one, half, hidden = (tmp_path / name for name in ("empty", "one", "half", "hidden"))
    empty.mkdir()
    write_image(one / "only.png")
    write_image(half / "train" / "a.png")
    (half / "val").mkdir()
    write_image(hidden / ".thumbnails" / "a.png")
    (hidden / "raw.nef").write_bytes(b"raw")
    os.mkfifo(tmp_path / "pipe")
    cases = {
        None: "data.path is not set",
        tmp_path / "nowhere": "nowhere does not exist",
        tmp_path / "pipe": "pipe is not a folder",
        one / "only.png": "only.png is not a folder",
        empty: "no image in .*empty",
        one: r"only one image \(only.png\)",
        half: "no image in .*half/val",
        hidden: "no image in .*left out: 1 in .thumbnails/; skipped: 1, such as raw.nef: a camera's raw file",
    }
    for path, words in cases.items():
        with pytest.raises(InputError, match=words) as caught:
            source_of(path)
        assert "data.path" in str(caught.value)
        assert "--data" in str(caught.value)


def test_a_folder_that_cannot_be_listed_is_skipped_and_named(tree, monkeypatch):
    root = tree("a.png", "b.png", "locked/c.png")
    scandir = os.scandir

    def refuse(path):  # file modes stop no one who tests as root
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [(s.name, s.reason) for s in source_of(root).skipped] == [
        ("locked/", "cannot be listed (Permission denied)")
    ]


@pytest.mark.parametrize(
    ("where", "given", "name"),
    [
        ("images", ".", "folder images"),
        ("images", "./", "folder images"),
        ("images/deep", "..", "folder images"),
        ("images/deep", "../../images/", "folder images"),
        (".", "images//", "folder images"),
        (".", "images", "folder images"),
    ],
)
def test_a_folder_is_called_by_its_own_name(tree, opened, monkeypatch, where, given, name):
    root = tree("deep/a.png", "b.png")
    monkeypatch.chdir(root.parent / where)
    assert opened(given).name == name


@pytest.mark.parametrize(
    ("path", "name"), [("/", "folder /"), ("//", "folder //"), ("~", "folder home"), ("~/x", "folder x")]
)
def test_names_of_roots_and_homes(monkeypatch, path, name):
    monkeypatch.setenv("HOME", "/some/home")
    assert dataset_name(DataConfig(name="folder", path=path)) == name
