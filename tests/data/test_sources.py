"""The files of each source and how they are split."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.config import DataConfig, InputError
from bench.data.dataset import open_dataset
from bench.data.sources import ImageFile, open_source

REPOSITORY = Path(__file__).parents[2]


def folder(path: Path | None) -> DataConfig:
    return DataConfig(name="folder", path=None if path is None else str(path))


def names(files: list[ImageFile]) -> list[str]:
    return [f.name for f in files]


def test_photos_are_split_by_photograph():
    source = open_source(DataConfig(name="photos"))
    assert names(source.train) == ["astronaut", "chelsea", "motorcycle_left", "motorcycle_right", "rocket", "china"]
    assert names(source.val) == ["coffee", "flower", "grace_hopper"]
    assert all(f.path.is_file() for f in source.train + source.val)


def test_a_tenth_by_content_is_val(tmp_path, write_image):
    files = [write_image(tmp_path / "images" / f"{i}.png", i) for i in range(25)]
    by_content = sorted(files, key=lambda f: hashlib.sha256(f.read_bytes()).hexdigest())
    source = open_source(folder(tmp_path / "images"))
    assert sorted(names(source.val)) == sorted(f.name for f in by_content[:2])
    assert sorted(names(source.train)) == sorted(f.name for f in by_content[2:])
    assert "sha256" in source.split_rule


def test_copies_of_one_image_share_a_split(tmp_path, write_image):
    for i in range(3):
        shutil.copy(write_image(tmp_path / "images" / f"{i}.png", i), tmp_path / "images" / f"{i}-copy.png")
    source = open_source(folder(tmp_path / "images"))
    assert len(source.val) == 2
    assert source.val[0].sha256 == source.val[1].sha256
    assert source.val[0].sha256 not in {f.sha256 for f in source.train}


def test_any_tree_without_hidden_files(tmp_path, write_image):
    root = tmp_path / "images"
    for i, name in enumerate(["b/deep/x.PNG", "a.jpeg", "c.TIF", ".hidden.png", ".git/y.png"]):
        write_image(root / name, i)
    (root / "notes.txt").write_text("not an image")
    (root / "b" / "circle").symlink_to(root)
    source = open_source(folder(root))
    assert sorted(names(source.train + source.val)) == ["a.jpeg", "b/deep/x.PNG", "c.TIF"]


def test_given_folders_are_the_split(tmp_path, write_image):
    for i, name in enumerate(["train/b.png", "train/a.png", "val/c.png", "test/d.png"]):
        write_image(tmp_path / "images" / name, i)
    source = open_source(folder(tmp_path / "images"))
    assert (names(source.train), names(source.val)) == (["train/a.png", "train/b.png"], ["val/c.png"])
    assert source.split_rule == "the folders train/ and val/"


@pytest.mark.parametrize(("given", "missing"), [("train", "val"), ("val", "train")])
def test_one_of_the_folders_alone_is_an_error(tmp_path, write_image, given, missing):
    write_image(tmp_path / "images" / given / "a.png")
    with pytest.raises(InputError, match=f"has {given}/ but no {missing}/"):
        open_source(folder(tmp_path / "images"))


def test_errors_name_the_path_and_the_field(tmp_path, write_image):
    empty, one, half = tmp_path / "empty", tmp_path / "one", tmp_path / "half"
    empty.mkdir()
    write_image(one / "only.png")
    write_image(half / "train" / "a.png")
    (half / "val").mkdir()
    twins = tmp_path / "twins"
    for name in ("a.png", "b.png"):
        write_image(twins / name)
    cases = {
        None: "data.path is not set",
        tmp_path / "nowhere": "nowhere does not exist",
        one / "only.png": "only.png is not a folder",
        empty: "no image in .*empty",
        one: r"only one image \(only.png\)",
        half: "no image in .*half/val",
        twins: "1 different readable",
    }
    for path, words in cases.items():
        with pytest.raises(InputError, match=words) as caught:
            open_source(folder(path))
        assert "data.path" in str(caught.value)
        assert "--data" in str(caught.value)


def places(root: Path, write_image, train: int = 30, val: int = 5, folder: str = "data_256_standard") -> None:
    """The layout that torchvision.datasets.Places365(root, small=True) makes."""
    listed = [f"/a/airfield/{i:08d}.jpg" for i in range(train)]
    scored = [f"Places365_val_{i:08d}.jpg" for i in range(val)]
    for i, name in enumerate(listed):
        write_image(root / folder / name.lstrip("/"), i)
    for i, name in enumerate(scored):
        write_image(root / "val_256" / name, 1000 + i)
    (root / "places365_train_standard.txt").write_text("".join(f"{n} 0\n" for n in listed))
    (root / "places365_val.txt").write_text("".join(f"{n} 165\n" for n in scored))


@pytest.mark.parametrize("train_folder", ["data_256_standard", "data_256"])
def test_places365_draws_nested_subsets_of_its_lists(tmp_path, write_image, train_folder):
    places(tmp_path / "places", write_image, folder=train_folder)

    def draw(**fields: int | None) -> tuple[list[str], list[str]]:
        source = open_source(DataConfig(name="places365", path=str(tmp_path / "places"), **fields))
        assert all(f.path.is_file() for f in source.train + source.val)
        return names(source.train), names(source.val)

    everything, val = draw()
    assert (len(everything), len(val)) == (30, 5)
    assert everything[0].startswith(f"{train_folder}/a/airfield/")
    assert draw(train_images=10) == (everything[:10], val)
    assert draw(train_images=10, subset_seed=1)[0] != everything[:10]
    with pytest.raises(InputError, match=r"data.train_images is 31, but .* lists 30"):
        draw(train_images=31)


def test_places365_absent_says_how_to_get_it(tmp_path):
    with pytest.raises(InputError, match="bench data places365 --download"):
        open_source(DataConfig(name="places365", path=str(tmp_path)))


def test_the_data_room_imports_no_torch():
    code = (
        "import sys; from bench.config import DataConfig; import bench.data.places365_download\n"
        "from bench.data.dataset import open_dataset\n"
        "open_dataset(DataConfig(image_size=64)).train_batch(2, 0, 0, True)\n"
        "print(sorted({'torch', 'torchvision', 'skimage', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_manifest_says_which_crops_are_of_one_photograph(tmp_path, write_image):
    root = tmp_path / "images"
    for split, seeds in (("train", (0, 1)), ("val", (2, 3, 4))):
        for seed in seeds:
            write_image(root / split / f"{seed}.png", seed)
    assert open_source(folder(root)).photographs == {}
    manifest = "file,photo\ntrain/0.png,barn\ntrain/1.png,barn\nval/2.png,mill\nval/4.png,mill\n"
    (root / "manifest.csv").write_text(manifest)
    dataset = open_dataset(DataConfig(name="folder", path=str(root), image_size=16, scales=(1.0,)))
    crops, _ = dataset.val_crops(None)
    assert {crop: dataset.photograph_of(crop) for crop in crops} == {
        "val/2.png@1x[0,0]": "mill",
        "val/4.png@1x[0,0]": "mill",
        "val/3.png@1x[0,0]": "val/3.png",  # not in the manifest: a photograph of its own
    }
    assert {dataset.photograph_of(crop) for crop in crops[:2]} == {"mill", "val/3.png"}  # one of each comes first
    described = dataset.describe()
    assert (described["train_images"], described["train_photographs"], described["val_photographs"]) == (2, 1, 2)
    (root / "manifest.csv").write_bytes(b"file,photo\n\xff\xff,x\n")
    with pytest.raises(InputError, match=r"manifest.csv cannot be read .*; mend or remove it"):
        open_source(folder(root))


def test_crops_of_one_photograph_share_a_split(tmp_path, write_image):
    root = tmp_path / "images"
    names = [f"{photo}{crop}.png" for photo in "abcd" for crop in range(5)]
    for seed, name in enumerate(names):
        write_image(root / name, seed)
    (root / "manifest.csv").write_text("file,photo\n" + "".join(f"{name},{name[0]}\n" for name in names))
    source = open_source(folder(root))
    assert len(source.val) == 5
    assert {f.name[0] for f in source.train}.isdisjoint({f.name[0] for f in source.val})
    assert "by photograph" in source.split_rule


def test_a_photograph_in_both_splits_is_refused(tmp_path, write_image):
    write_image(tmp_path / "train" / "0.png", 0)
    write_image(tmp_path / "val" / "1.png", 1)
    (tmp_path / "manifest.csv").write_text("file,photo\ntrain/0.png,barn\nval/1.png,barn\n")
    with pytest.raises(InputError, match=r"val/1.png is of the photograph 'barn', which is in train/ too"):
        open_source(folder(tmp_path))


def test_fewer_images_are_fewer_photographs(tmp_path, write_image):
    names = [f"train/{photo}{crop}.png" for photo in "abcdefgh" for crop in range(4)]
    for seed, name in enumerate([*names, "val/x.png"]):
        write_image(tmp_path / name, seed)
    (tmp_path / "manifest.csv").write_text("file,photo\n" + "".join(f"{name},{name[6]}\n" for name in names))
    config = DataConfig(name="folder", path=str(tmp_path), image_size=16, scales=(1.0,), train_images=0.25)
    dataset = open_dataset(config)
    assert (len(dataset.train), dataset.describe()["train_photographs"]) == (8, 2)


def test_train_images_may_be_a_share_of_what_is_there(tmp_path, write_image):
    for split, seeds in (("train", range(5)), ("val", (9,))):
        for seed in seeds:
            write_image(tmp_path / split / f"{seed}.png", seed)
    sizes = {}
    for wanted in (None, 0.01, 0.5, 0.99, 3):
        config = DataConfig(name="folder", path=str(tmp_path), image_size=16, scales=(1.0,), train_images=wanted)
        sizes[wanted] = {photo.name for photo in open_dataset(config).train}
    assert [len(names) for names in sizes.values()] == [5, 1, 2, 5, 3]
    assert sizes[0.01] < sizes[0.5] < sizes[3] < sizes[None]  # one is part of the next


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,photo\na.png,one\n", "has no column 'file', but name, photo"),
        ("file;photo\na.png;one\n", "has no column 'file', but file;photo"),
        ("file,photo\na.png,one\na.png,two\n", "has a.png under two photographs, 'one' and 'two'"),
    ],
)
def test_a_manifest_that_is_not_one_is_refused(tmp_path, text, message):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        open_source(DataConfig(name="folder", path=str(tmp_path)))
