"""Which image files there are, split into train and val; nothing is decoded here."""

from __future__ import annotations

import csv
import hashlib
import importlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.config import DataConfig, InputError
from bench.data.decode import SUFFIXES
from bench.inputs import printable

REGISTRY: dict[str, str] = {
    "photos": "bench.data.sources:photos",
    "folder": "bench.data.sources:folder",
    "places365": "bench.data.sources:places365",
}
PHOTOS = {  # (package, import name, path in it). Split by photograph: the motorcycles are two views of one scene.
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
class ImageFile:
    """A file that should be an image; `name` is its path below the root with forward slashes, or a short id."""

    name: str
    path: Path

    @cached_property
    def sha256(self) -> str:
        """Of the file's bytes, in hex. Raises OSError where the file cannot be read."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Source:
    """The files of each split, and in words how the split was made."""

    train: list[ImageFile]
    val: list[ImageFile]
    split_rule: str
    photographs: dict[str, str] = field(default_factory=dict)
    """File name -> the photograph it was cut from; a file that is not in it is a photograph of its own."""


def open_source(config: DataConfig) -> Source:
    """The files of `config.name`. Raises InputError where there are none."""
    module, function = REGISTRY[config.name].split(":")
    find: Callable[[DataConfig], Source] = getattr(importlib.import_module(module), function)
    return find(config)


def content_hashes(files: Sequence[ImageFile]) -> list[str | OSError]:
    """The sha256 of every file, in order; the error in place of the hash of a file that cannot be read."""

    def hash_or_error(file: ImageFile) -> str | OSError:
        try:
            return file.sha256
        except OSError as error:
            return error

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(hash_or_error, files))


def photos(config: DataConfig) -> Source:
    """Nine colour photographs that ship inside installed packages. Raises InputError naming a package without one."""
    train, val = ([_packaged(*entry) for entry in PHOTOS[split]] for split in ("train", "val"))
    return Source(train, val, "by photograph, fixed: 6 train, 3 val")


def _packaged(package: str, module: str, path: str) -> ImageFile:
    spec = importlib.util.find_spec(module)  # finds the folder without importing the package
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (file := Path(folder, path)).is_file():
            return ImageFile(file.stem, file)
    raise InputError(
        f"data.name photos: {package} is not installed with its {path}; "
        f"run `pip install --force-reinstall {package}`, or give images of your own with --data PATH"
    )


def _home(path: str) -> Path:
    """The path with its ~ as the person's folder; as it is where there is none. Raises InputError."""
    root = Path(os.path.expanduser(path))
    try:
        root.exists()
    except OSError as error:
        raise InputError(
            f"data.path (--data): {path} cannot be read ({error.strerror}); give a folder of images"
        ) from None
    return root


def folder(config: DataConfig) -> Source:
    """Every image below `config.path`: from its train/ and val/, else a tenth by content is val. Raises InputError."""
    if config.path is None:
        raise InputError("data.path is not set, and data.name folder needs it; give the folder with --data PATH")
    root = _home(config.path)
    if not root.is_dir():
        wrong = "is not a folder" if root.exists() else "does not exist"
        raise InputError(f"data.path (--data): {root} {wrong}; give a folder of images")
    given = [split for split in ("train", "val") if (root / split).is_dir()]
    if len(given) == 1:
        missing = "val" if given == ["train"] else "train"
        raise InputError(
            f"data.path (--data): {root} has {given[0]}/ but no {missing}/; add {missing}/, or rename {given[0]}/ "
            "to have the images split by content"
        )
    if given:
        train, val = _images(root, root / "train"), _images(root, root / "val")
        for split, files in (("train", train), ("val", val)):
            if not files:
                raise InputError(f"data.path (--data): no image in {root / split}; {_looked_for()}")
        photographs = _manifest(root)
        _check_apart(root, train, val, photographs)
        return Source(train, val, "the folders train/ and val/", photographs)
    return _split_by_content(root, _images(root, root), _manifest(root))


def _check_apart(root: Path, train: list[ImageFile], val: list[ImageFile], photographs: dict[str, str]) -> None:
    """Crops of one photograph in both splits would let validation see what was trained on."""
    seen = {photographs[file.name] for file in train if file.name in photographs}
    for file in val:
        if photographs.get(file.name) in seen:
            raise InputError(
                f"data.path (--data): {root / 'manifest.csv'} says that {file.name} is of the photograph "
                f"{photographs[file.name]!r}, which is in train/ too; move it to one of the two"
            )


def _manifest(root: Path) -> dict[str, str]:
    """What `manifest.csv` in the folder says of crops that were cut from one photograph: its columns file and photo.

    Such crops are alike, so that the photograph is what statistics count. Empty without such a file. Raises InputError.
    """
    path, photographs = root / "manifest.csv", dict[str, str]()
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if lacking := [name for name in ("file", "photo") if name not in (rows.fieldnames or [])]:
                have = ", ".join(rows.fieldnames or []) or "none"
                raise InputError(
                    f"data.path (--data): {path} has no column {lacking[0]!r}, but {have}; mend or remove it"
                )
            for row in rows:
                if row["file"] is None or row["photo"] is None:
                    raise InputError(
                        f"data.path (--data): {path}: line {rows.line_num} lacks a column; mend or remove it"
                    )
                if photographs.setdefault(row["file"], row["photo"]) != row["photo"]:
                    both = f"{photographs[row['file']]!r} and {row['photo']!r}"
                    raise InputError(f"data.path (--data): {path} has {row['file']} under two photographs, {both}")
        return photographs
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"data.path (--data): {path} cannot be read ({error}); mend or remove it") from None


def _images(root: Path, below: Path) -> list[ImageFile]:
    """Image files below a folder, sorted by name, without hidden ones; linked folders are followed once."""
    found, seen = [], {os.path.realpath(below)}
    for here, folders, files in os.walk(below, followlinks=True):
        visible = [f for f in sorted(folders) if not f.startswith(".")]
        folders[:] = []
        for name in visible:
            if (real := os.path.realpath(os.path.join(here, name))) not in seen:  # a link can form a circle
                seen.add(real)
                folders.append(name)
        found += [Path(here, f) for f in files if not f.startswith(".") and Path(f).suffix.lower() in SUFFIXES]
    return sorted(
        (ImageFile(printable(path.relative_to(root).as_posix()), path) for path in found), key=lambda f: f.name
    )


def _looked_for() -> str:
    return f"looked for {' '.join(sorted(s[1:] for s in SUFFIXES))}, at any depth, hidden ones left out"


def _split_by_content(root: Path, files: list[ImageFile], photographs: dict[str, str]) -> Source:
    """The first tenth of the distinct contents, by sha256, is val, so that copies of one image share a split; of
    photographs, where a manifest says what was cut from which, so that crops of one share it too."""
    if len(files) < 2:
        have = f"only one image ({files[0].name})" if files else "no image"
        raise InputError(
            f"data.path (--data): {have} in {root}, and train and val need one each; add images ({_looked_for()})"
        )
    hashes = content_hashes(files)
    first: dict[str, str] = {}  # photograph -> the least hash of its files; alone, a file's hash is its photograph
    for file, found in sorted(zip(files, hashes, strict=True), key=lambda pair: str(pair[1])):
        if isinstance(found, str):
            first.setdefault(photographs.get(file.name, found), found)
    distinct = sorted(first, key=lambda photograph: first[photograph])
    if len(distinct) < 2:
        raise InputError(
            f"data.path (--data): the {len(files)} images in {root} are of {len(distinct)} different readable "
            "photograph(s), and train and val need one each; add images"
        )
    chosen = set(distinct[: max(1, len(distinct) // 10)])
    in_val = [photographs.get(f.name, str(h)) in chosen for f, h in zip(files, hashes, strict=True)]
    val = [f for f, is_val in zip(files, in_val, strict=True) if is_val]
    train = [f for f, is_val in zip(files, in_val, strict=True) if not is_val]
    what = "by photograph, as manifest.csv says" if photographs else "by content"
    return Source(train, val, f"{what}: sorted by sha256, the first tenth (at least one) is val", photographs)


def places365(config: DataConfig) -> Source:
    """A seeded subset of Places365's small images, laid out as torchvision.datasets.Places365(small=True) does.

    Section 4.1.2 trains on around 8000 images, the default of `train_images` here. Raises InputError.
    """
    root = _home(config.path or "data/places365")
    train_dir = next((d for d in ("data_256_standard", "data_256") if (root / d).is_dir()), "data_256_standard")
    lists = {"train": root / "places365_train_standard.txt", "val": root / "places365_val.txt"}
    missing = [p for p in (lists["train"], lists["val"], root / train_dir, root / "val_256") if not p.exists()]
    if missing:
        raise InputError(
            f"data.path (--data): Places365 is not in {root}: no {', '.join(p.name for p in missing)}; "
            f"run `bench data places365 --download` (24 GB train + 0.5 GB val, small images, through torchvision)"
        )
    listed = {split: _listed(path) for split, path in lists.items()}
    have = len(listed["train"])
    if config.train_images is not None and config.train_images > have:
        raise InputError(f"data.train_images is {config.train_images}, but {lists['train']} lists {have}; lower it")
    default = min(PLACES_TRAIN_IMAGES, have)
    count = default if config.train_images is None else wanted(config.train_images, default)
    val_count = min(max(config.val_images or 0, PLACES_VAL_IMAGES), len(listed["val"]))
    train = _draw(root, train_dir, listed["train"], count, [config.subset_seed])
    val = _draw(root, "val_256", listed["val"], val_count, [config.subset_seed, 1])
    rule = (
        f"Places365's own train-standard and val; of these {count} train (the paper: around 8000, section 4.1.2) and "
        f"{val_count} val images drawn with subset_seed {config.subset_seed}"
    )
    return Source(train, val, rule)


def wanted(images: int | float, there: int) -> int:
    """`data.train_images` as a number: a share, below 1, is of the images that are there, rounded, at least one."""
    return images if isinstance(images, int) else max(1, round(images * there))


def _listed(path: Path) -> list[str]:
    """The lines of a list, each `/a/airfield/00000001.jpg 0`. Raises InputError where there are none."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"data.path (--data): {path} cannot be read ({error})") from None
    if not lines:
        raise InputError(f"data.path (--data): {path} lists no image; run `bench data places365 --download` again")
    return lines


def _draw(root: Path, folder: str, lines: list[str], count: int, seed: list[int]) -> list[ImageFile]:
    """The first `count` of a seeded permutation, so that a smaller subset is part of a larger one."""
    picked = np.random.default_rng(seed).permutation(len(lines))[:count]
    names = [f"{folder}/{lines[i].split()[0].lstrip('/')}" for i in picked.tolist()]
    return [ImageFile(name, root / name) for name in names]
