"""Every row of a manifest.csv has an effect, is refused, or is counted and named."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from bench.config import DataConfig
from bench.data.sources import Source, open_source
from bench.errors import InputError


def source_of(path: Path) -> Source:
    return open_source(DataConfig(name="folder", path=str(path)))


@pytest.fixture
def root(tmp_path, write_image) -> Path:
    """a.png to d.png in a folder called images."""
    for seed, name in enumerate("abcd"):
        write_image(tmp_path / "images" / f"{name}.png", seed)
    return tmp_path / "images"


def write(root: Path, *rows: str, header: str = "file,photo") -> None:
    (root / "manifest.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def test_a_manifest_says_which_crops_are_of_one_photograph(tmp_path, write_image, opened):
    root = tmp_path / "images"
    for split, seeds in (("train", (0, 1)), ("val", (2, 3, 4))):
        for seed in seeds:
            write_image(root / split / f"{seed}.png", seed)
    assert source_of(root).photographs == {}
    write(root, "train/0.png,barn", "train/1.png,barn", "val/2.png,mill", "val/4.png,mill")
    dataset = opened(root)
    crops, _ = dataset.val_crops(None)
    assert {crop: dataset.photograph_of(crop) for crop in crops} == {
        "val/2.png@1x[0,0]": "mill",
        "val/4.png@1x[0,0]": "mill",
        "val/3.png@1x[0,0]": "val/3.png",  # not in the manifest: a photograph of its own
    }
    assert {dataset.photograph_of(crop) for crop in crops[:2]} == {"mill", "val/3.png"}  # one of each comes first
    described = dataset.describe()
    assert (described["train_images"], described["train_photographs"], described["val_photographs"]) == (2, 1, 2)
    assert described["not_in_manifest"] == 1
    assert dataset.split_rule == (
        "the folders train/ and val/; manifest.csv lists 4 of the 5 images, the others count one by one"
    )


ACCENT = "caf\N{LATIN SMALL LETTER E WITH ACUTE}.png"
SCREENSHOT = "Screenshot 9.41\N{NARROW NO-BREAK SPACE}AM.png"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("p.png", "./p.png"),
        ("p.png", "x/../p.png"),
        ("p.png", "images/p.png"),  # from the folder above
        ("p.png", "../images/p.png"),
        ("p.png", "P.PNG"),
        ("p.png", " p.png "),
        ("p.png", "p.png\N{NO-BREAK SPACE}"),
        ("p.png", "\N{ZERO WIDTH SPACE}p.png"),
        ("x/p.png", r"x\p.png"),
        ("x/p.png", r".\X\p.png"),
        ("x/p.png", "x//p.png"),
        ("x/p.png", "/x/p.png"),
        ("my photo.png", "my%20photo.png"),
        ("my photo.png", "my  photo.png"),
        ("100%.png", "100%.png"),
        (ACCENT, unicodedata.normalize("NFD", ACCENT)),
        (unicodedata.normalize("NFD", ACCENT), ACCENT),
        (SCREENSHOT, SCREENSHOT),
        (SCREENSHOT, "Screenshot 9.41 AM.png"),
        ("new\nline.png", '"new\nline.png"'),
        ("a,b.png", '"a,b.png"'),
    ],
)
def test_a_name_that_can_mean_one_file_only_means_it(root, write_image, name, written):
    write_image(root / name, 9)
    write(root, "a.png,one", f"{written},one")
    source = source_of(root)
    assert set(source.photographs.values()) == {"one"}
    assert len(source.photographs) == 2
    assert source.unmatched == []


def test_whole_paths(root):
    (root.parent / "link").symlink_to("images")
    write(root, f"{root}/a.png,one", f"{root.parent}/link/b.png,one", f"file://{root}/c.png,one")
    for given in (root, root.parent / "link"):
        if given == root:  # the link is no name of this folder that is known here
            with pytest.raises(InputError, match=r"link/b.png' is no image .*; write b.png if that is meant"):
                source_of(given)
        else:
            assert sorted(source_of(given).photographs) == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("given", [".", "../images", "images/.."])
def test_a_folder_given_by_another_path(root, monkeypatch, given):
    (root / "images").mkdir()
    monkeypatch.chdir(root)
    write(root, "./a.png,one", "images/b.png,one", f"{root}/c.png,one")
    assert sorted(source_of(Path(given)).photographs) == ["a.png", "b.png", "c.png"]


def test_rows_of_no_image_are_counted_and_named(root, opened, write_image):
    (root / "notes.txt").write_text("no image")
    (root / "broken.png").write_text("broken")
    write(root, "a.png,one", "b.png,one", "gone.png,one", "gone.png,one", "notes.txt,two", "broken.png,two", ",", " ,")
    dataset = opened(root)
    assert dataset.source.unmatched == ["gone.png", "notes.txt"]
    described = dataset.describe()
    assert (described["only_in_manifest"], described["only_in_manifest_first"]) == (2, ["gone.png", "notes.txt"])
    assert [s.name for s in dataset.skipped] == ["broken.png"]
    assert "manifest.csv lists 3 of the 5 images" in dataset.split_rule


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["x.png,one", "y.png,one"], r"none of the 2 rows of .* \(line 2: 'x.png'\); write each .* such as a.png"),
        ([], "none of the 0 rows"),
        (["a.png,one", "other/b.png,one"], "line 3: 'other/b.png' is no image in .*; write b.png if that is meant"),
        (["a.png,one", r"C:\images\B.png,one"], "write b.png if that is meant, else remove the line"),
        (["a.png,one", "./a.png,two"], "has a.png under two photographs, 'one' and 'two'"),
        (["a.png,one", "b.png,"], "line 3 has nothing in the column 'photo'"),
        (["a.png,one", ",two"], "line 3 has nothing in the column 'file'"),
        (["a.png,one", "b.png"], "line 3 lacks a column"),
        (["a.png,one", "my, b.png,one"], 'line 3 has 3 cells for 2 columns; put "" around a comma'),
        (["a.png,one", '"b.png,one', "c.png,one"], "line .* cannot be read"),
    ],
)
def test_what_is_wrong_or_in_doubt_is_refused(root, rows, words):
    write(root, *rows)
    with pytest.raises(InputError, match=words) as caught:
        source_of(root)
    assert "manifest.csv" in str(caught.value)


def test_a_name_that_may_be_one_of_several_is_refused(root, write_image):
    for seed, name in enumerate(["P.png", "p.png"]):
        write_image(root / name, seed)
    write(root, "p.png,one", "a.png,two")
    assert source_of(root).photographs == {"p.png": "one", "a.png": "two"}  # letter by letter there is no doubt
    write(root, "p.PNG,one", "a.png,two")
    with pytest.raises(InputError, match=r"line 2: 'p.PNG' may be P.png or p.png; write its path exactly"):
        source_of(root)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [("file", "photo"), ("Photo", "note", " FILE ")])
def test_whatever_program_wrote_it(root, encoding, delimiter, header):
    value = {"file": "a.png", "photo": "Bär", "note": "x, y; z"}
    cells = ['"' + value[name.strip().lower()] + '"' for name in header]
    first = "sep=;\n" if delimiter == ";" else ""
    text = first + delimiter.join(header) + "\n\n" + delimiter.join(cells) + "\n" + delimiter * 2 + "\n"
    (root / "Manifest.CSV").write_text(text.replace("\n", "\r\n"), encoding=encoding)
    assert source_of(root).photographs == {"a.png": "Bär"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"name,photo\na.png,one\n", "has no column 'file', but name, photo"),
        (b"file;foto\na.png;one\n", "has no column 'file', but file;foto"),
        (b"file,photo,File\na.png,one,b\n", "has the column 'file' twice"),
        (b"file,photo\n\xff\xff,x\n", "cannot be read .*; correct or remove it"),
        ("file,photo\nä.png,x\n".encode("cp1252"), "it has to be text in UTF-8"),
        ("file,photo\na.png,x\n".encode("utf-16-le"), "save it as CSV in UTF-8"),
    ],
)
def test_a_manifest_that_is_not_one_is_refused(root, content, words):
    (root / "manifest.csv").write_bytes(content)
    with pytest.raises(InputError, match=words):
        source_of(root)


def test_a_manifest_that_cannot_be_opened_is_refused(root):
    os.mkfifo(root / "manifest.csv")
    with pytest.raises(InputError, match=r"manifest.csv cannot be read \(not a regular file\)"):
        source_of(root)
    (root / "manifest.csv").unlink()
    (root / "manifest.csv").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"manifest.csv cannot be read \(No such file"):
        source_of(root)
    (root / "Manifest.csv").touch()
    with pytest.raises(InputError, match=r"has both Manifest\.csv and manifest\.csv"):
        source_of(root)


def test_a_manifest_in_a_folder_below_is_refused(tmp_path, write_image):
    for seed, name in enumerate(["train/a.png", "val/b.png"]):
        write_image(tmp_path / name, seed)
    (tmp_path / "train/manifest.csv").write_text("made by,another program\n1,2\n")
    assert source_of(tmp_path).photographs == {}
    write(tmp_path / "train", "a.png,one")
    with pytest.raises(InputError, match=r"train/manifest.csv is not read, only the one in .* is; move its rows"):
        source_of(tmp_path)


def test_a_photograph_in_both_splits_is_refused(tmp_path, write_image):
    write_image(tmp_path / "train" / "0.png", 0)
    write_image(tmp_path / "Val" / "1.png", 1)
    write(tmp_path, "TRAIN/0.png, barn", "val\\1.png,barn ")
    with pytest.raises(InputError, match=r"Val/1.png is cut from the photograph 'barn', which is in train/ too"):
        source_of(tmp_path)


def test_a_column_split_is_the_split(root, opened):
    write(root, "a.png,1,train", "b.png,2,Test", "c.png,3,Train", "d.png,4,validation", header="file,photo,Split")
    source = source_of(root)
    splits = {file.name: file.split for file in source.files}
    assert splits == {"a.png": "train", "c.png": "train", "d.png": "val"}
    assert (source.split_rule, source.left_out) == (
        "the column split of manifest.csv",
        {"test, as manifest.csv says": 1},
    )
    write(root, "a.png,1,train", "b.png,2,test", "c.png,3,train", "d.png,4,test", header="file,photo,split")
    assert opened(root).split_rule == "the column split of manifest.csv, whose test stands in for val"
    write(root, *(f"{name}.png,{name}," for name in "abcd"), header="file,photo,split")
    assert opened(root).split_rule.startswith("by photograph, as manifest.csv says")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["a.png,1,train", "b.png,2,val"], "gives the split of some images, but not of 2 of the 4, such as c.png"),
        (["a.png,1,train", "b.png,2,fold 3", "c.png,3,val", "d.png,4,val"], "line 3: the split 'fold 3' is none of"),
        ([f"{name}.png,{name},train" for name in "abcd"], "has no val; add it"),
        ([f"{name}.png,{name},test" for name in "abcd"], "has no train; add it"),
        (
            ["a.png,1,train", "b.png,1,val", "c.png,3,val", "d.png,4,val"],
            "b.png is cut from the photograph '1', which is in",
        ),
        (["a.png,1,train", "./a.png,1,val"], "has a.png in two splits, 'train' and 'val'"),
    ],
)
def test_a_column_split_that_is_not_clear_is_refused(root, rows, words):
    write(root, *rows, header="file,photo,split")
    with pytest.raises(InputError, match=words):
        source_of(root)


def test_a_column_split_and_folders_agree(tmp_path, write_image):
    for seed, name in enumerate(["train/a.png", "val/b.png"]):
        write_image(tmp_path / name, seed)
    write(tmp_path, "train/a.png,1,train", "val/b.png,2,test", header="file,photo,split")
    assert source_of(tmp_path).split_rule == "the folders train/ and val/"
    write(tmp_path, "train/a.png,1,train", "val/b.png,2,train", header="file,photo,split")
    with pytest.raises(InputError, match=r"line 3: val/b.png is in 'train' by its row, but not by its folder"):
        source_of(tmp_path)
