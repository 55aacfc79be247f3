"""The image files of each data set, and the split that its maker gave them; nothing is decoded here."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.config import DataConfig
from bench.data.decode import read_regular
from bench.data.files import ImageFile, Skipped, Split
from bench.errors import InputError

REGISTRY: dict[str, str] = {
    "photos": "bench.data.sources:photos",
    "folder": "bench.data.folder:folder",
    "places365": "bench.data.sources:places365",
}
SPLITS: tuple[Split, ...] = ("train", "val")
PHOTOS: dict[Split, list[tuple[str, str, str]]] = {  # (package, import name, path in it)
    # By photograph: the motorcycles are two views of one scene.
    "train": [
        ("scikit-image", "skimage", "data/astronaut.png"),
        ("scikit-image", "skimage", "data/chelsea.png"),
        ("scikit-image", "skimage", "data/motorcycle_left.png"),
        ("scikit-image", "skimage", "data/motorcycle_right.png"),
        ("scikit-image", "skimage", "data/rocket.jpg"),
        ("scikit-learn", "sklearn", "datasets/images/china.jpg"),
    ],
    "val": [
        ("scikit-image", "skimage", "data/coffee.png"),
        ("scikit-learn", "sklearn", "datasets/images/flower.jpg"),
        ("matplotlib", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ],
}
PLACES_TRAIN_IMAGES = 8000  # section 4.1.2: "around 8000 images as our training data"
PLACES_VAL_IMAGES = 1000


@dataclass(frozen=True)
class Source:
    """The files of a data set, and what its maker declares of them."""

    files: list[ImageFile]
    """Either all have a split, or none has."""
    split_rule: str | None
    """How the split was made, in words; None where it is still to be made, by content."""
    photographs: dict[str, str] = field(default_factory=dict)
    """File name -> the photograph it was cut from; a file that is not in it is a photograph of its own."""
    manifest: str = ""
    """The name of the file that declares the photographs."""
    not_listed: int = 0
    """The number of files that the manifest does not list."""
    unmatched: list[str] = field(default_factory=list)
    """Files that the manifest lists and that are not there."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Name of a folder, or another description of a place -> the number of image files there that are not used."""
    skipped: list[Skipped] = field(default_factory=list)
    """Images that cannot be decoded, and folders that cannot be listed."""


def open_source(config: DataConfig) -> Source:
    """The files of `config.name`. Raises InputError where there are none."""
    module, function = REGISTRY[config.name].split(":")
    find: Callable[[DataConfig], Source] = getattr(importlib.import_module(module), function)
    return find(config)


def photos(config: DataConfig) -> Source:
    """The nine colour photographs inside installed packages. Raises InputError that names a package without its own."""
    files = [_packaged(split, *entry) for split in SPLITS for entry in PHOTOS[split]]
    return Source(files, "by photograph, fixed: 6 train, 3 val")


def _packaged(split: Split, package: str, module: str, path: str) -> ImageFile:
    spec = importlib.util.find_spec(module)  # finds the folder without importing the package
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (file := Path(folder, path)).is_file():
            return ImageFile(file.stem, file, split)
    raise InputError(
        f"data.name photos: {package} is not installed with its {path}; "
        f"run `pip install --force-reinstall {package}`, or give images of your own with --data PATH"
    )


def expand_root(path: str) -> Path:
    """The path with ~ as the home folder. Raises InputError where it cannot be looked at."""
    root = Path(os.path.expanduser(path))
    try:
        root.exists()
    except OSError as error:
        raise InputError(
            f"data.path (--data): {path} cannot be read ({error.strerror}); give a folder of images"
        ) from None
    return root


def places365(config: DataConfig) -> Source:
    """A seeded subset of Places365's small images, in the layout of torchvision.datasets.Places365(small=True).

    By default 8000 train images, as in section 4.1.2. Raises InputError.
    """
    root = expand_root(config.path or "data/places365")
    train_dir = next((d for d in ("data_256_standard", "data_256") if (root / d).is_dir()), "data_256_standard")
    lists = {"train": root / "places365_train_standard.txt", "val": root / "places365_val.txt"}
    missing = [p for p in (lists["train"], lists["val"], root / train_dir, root / "val_256") if not p.exists()]
    if missing:
        raise InputError(
            f"data.path (--data): Places365 is not in {root}: no {', '.join(p.name for p in missing)}; "
            f"run `bench data places365 --download` (24 GB train + 0.5 GB val, small images, through torchvision)"
        )
    listed = {split: _listed(path) for split, path in lists.items()}
    available = len(listed["train"])
    if config.train_images is not None and config.train_images > available:
        raise InputError(
            f"data.train_images is {config.train_images}, but {lists['train']} lists {available}; lower it"
        )
    default = min(PLACES_TRAIN_IMAGES, available)
    count = default if config.train_images is None else resolve_count(config.train_images, default)
    val_count = min(max(config.val_images or 0, PLACES_VAL_IMAGES), len(listed["val"]))
    train = _draw(root, train_dir, listed["train"], count, [config.subset_seed], "train")
    val = _draw(root, "val_256", listed["val"], val_count, [config.subset_seed, 1], "val")
    rule = (
        f"Places365's own train-standard and val; of these {count} train (the paper: around 8000, section 4.1.2) and "
        f"{val_count} val images drawn with subset_seed {config.subset_seed}"
    )
    return Source(train + val, rule)


def resolve_count(images: int | float, available: int) -> int:
    """`data.train_images` as a number of images: a share, below 1, is of those available, rounded, at least one."""
    return images if isinstance(images, int) else max(1, round(images * available))


def _listed(path: Path) -> list[str]:
    """The lines of a list of images, such as `/a/airfield/00000001.jpg 0`. Raises InputError where there are none."""
    try:
        lines = [line for line in read_regular(path).decode("utf-8-sig").split("\n") if line.strip()]
    except OSError as error:
        raise InputError(f"data.path (--data): {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"data.path (--data): {path} cannot be read ({error})") from None
    if not lines:
        raise InputError(f"data.path (--data): {path} lists no image; run `bench data places365 --download` again")
    return lines


def _draw(root: Path, folder: str, lines: list[str], count: int, seed: list[int], split: Split) -> list[ImageFile]:
    """The first `count` images of a seeded permutation, so that a smaller subset is part of a larger one."""
    picked = np.random.default_rng(seed).permutation(len(lines))[:count]
    names = [f"{folder}/{lines[i].split()[0].lstrip('/')}" for i in picked.tolist()]
    return [ImageFile(name, root / name, split) for name in names]


def download_places365(root: str) -> None:
    """Fetch and unpack train-standard (24 GB) and val (0.5 GB) below `root`; files that are there are kept.

    Raises OSError or RuntimeError where the download or its checksum fails.
    """
    from torchvision.datasets import Places365

    Path(root).mkdir(parents=True, exist_ok=True)
    Places365(root, split="train-standard", small=True, download=True)
    Places365(root, split="val", small=True, download=True)
