"""The files and the split of the shipped photographs and of Places365."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.config import DataConfig
from bench.data.sources import Source, open_source
from bench.errors import InputError

REPOSITORY = Path(__file__).parents[2]


def names(source: Source, split: str | None = None) -> list[str]:
    return [file.name for file in source.files if file.split == split]


def test_photos_are_split_by_photograph():
    source = open_source(DataConfig(name="photos"))
    train = ["astronaut", "chelsea", "motorcycle_left", "motorcycle_right", "rocket", "china"]
    assert names(source, "train") == train
    assert names(source, "val") == ["coffee", "flower", "grace_hopper"]
    assert all(f.path.is_file() for f in source.files)


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
        assert all(f.path.is_file() for f in source.files)
        return names(source, "train"), names(source, "val")

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


@pytest.mark.parametrize("name", ["places365_train_standard.txt", "places365_val.txt"])
def test_a_list_that_is_a_pipe_is_not_waited_for(tmp_path, write_image, name):
    places(tmp_path, write_image)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} cannot be read \(not a regular file\)"):
        open_source(DataConfig(name="places365", path=str(tmp_path)))


def test_the_data_room_imports_no_torch():
    code = (
        "import sys; from bench.config import DataConfig; import bench.data.sources\n"
        "from bench.data.dataset import open_dataset\n"
        "dataset = open_dataset(DataConfig(image_size=64)); dataset.cut(dataset.draw(2, 0, 0, True))\n"
        "print(sorted({'torch', 'torchvision', 'skimage', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
