"""A data set: its photographs, split and fingerprint, and the training and validation crops that are cut from them."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.config import DataConfig
from bench.data.cache import Decoded, open_decoded
from bench.data.copies import NearCopy, near_copies, without_copies
from bench.data.decode import Pixels
from bench.data.files import Skipped, printable_path
from bench.data.photo import Level, Photo
from bench.data.sources import Source, open_source, resolve_count
from bench.data.split import draw_subset, scored_half, split_by_content
from bench.errors import InputError

MAX_DESCRIBED = 10  # entries of a list that a description shows
TRAIN_STREAM = 1  # tells the random numbers of crops from others with the same seed and step


class _LevelTable(NamedTuple):
    """The levels of all train photographs in one list; photograph p owns `owned[p]` of them, from `first[p]` on."""

    levels: list[Level]
    first: npt.NDArray[np.int64]
    owned: npt.NDArray[np.int64]
    sides: npt.NDArray[np.int64]
    """(levels, 2): height and width."""


class Crops(NamedTuple):
    """The places of the crops of a batch, one entry an image."""

    level: npt.NDArray[np.int64]
    """Index into Dataset.train_levels."""
    corner: npt.NDArray[np.int64]
    """(B, 2): top, left, in pixels."""
    mirrored: npt.NDArray[np.bool_]
    """Whether the crop is mirrored left to right."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Decoded photographs, sorted by content, and the crops of side `image_size` in them."""

    name: str
    image_size: int
    fingerprint: str
    """16 hex digits of a hash over the splits and contents of the photographs; paths and names do not matter."""
    split_rule: str
    """How the split was made, in words."""
    train: list[Photo]
    val: list[Photo]
    skipped: list[Skipped]
    pixels: Pixels = field(repr=False)
    source: Source = field(repr=False)
    near_copies: list[NearCopy]
    """Train images that are near copies of one in val."""

    @property
    def photographs(self) -> dict[str, str]:
        """Image name -> the photograph it was cut from, where that is known."""
        return self.source.photographs

    def level_pixels(self, level: Level) -> Pixels:
        """A read-only view of one level, (height, width, 3)."""
        shape = (level.height, level.width, 3)
        return self.pixels[level.offset : level.offset + level.height * level.width * 3].reshape(shape)

    @cached_property
    def _table(self) -> _LevelTable:
        levels = [level for photo in self.train for level in photo.levels]
        owned = np.array([len(photo.levels) for photo in self.train])
        return _LevelTable(levels, np.cumsum(owned) - owned, owned, np.array([(v.height, v.width) for v in levels]))

    @property
    def train_levels(self) -> list[Level]:
        """The levels of all train photographs, in the order of their pixels."""
        return self._table.levels

    def draw(self, batch_size: int, seed: int, step: int, flip: bool, part: int = 0) -> Crops:
        """Random crops of the train photographs, a function of (seed, step) alone.

        A photograph is drawn uniformly, then one of its levels, then a position, then with `flip` the mirroring.
        """
        table = self._table
        rng = np.random.default_rng([TRAIN_STREAM, seed, step, *([part] if part else [])])
        # One generator for the whole batch: the order of the draws is part of the result.
        photo = rng.integers(len(self.train), size=batch_size)
        drawn = table.first[photo] + rng.integers(table.owned[photo])
        corner = rng.integers(table.sides[drawn] - self.image_size + 1)
        mirrored = (rng.random(batch_size) < 0.5) & flip  # drawn in any case, so that flip does not change the crops
        return Crops(drawn, corner, mirrored)

    def cut(self, crops: Crops) -> Pixels:
        """The pixels of the crops, (B, S, S, 3), copied."""
        size = self.image_size
        batch = np.empty((len(crops.level), size, size, 3), np.uint8)
        for out, level, (top, left), mirror in zip(batch, *(part.tolist() for part in crops), strict=True):
            crop = self.level_pixels(self.train_levels[level])[top : top + size, left : left + size]
            if mirror:
                for channel in range(3):  # numpy reverses planes twice as fast as pixels
                    out[:, :, channel] = crop[:, ::-1, channel]
            else:
                out[:] = crop
        return batch

    def val_crops(self, limit: int | None) -> tuple[list[str], Pixels]:
        """Names such as `coffee@1.5x[0,1]` (scale, row, column), and crops (N, S, S, 3); `limit` keeps the first ones.

        Each level of a photograph is cut into a centred grid of crops that do not overlap. Their order makes the first
        N a broad sample: level by level, first the central crop of every photograph (of its first image, then of its
        second, where it consists of several), then their second crops, and so on.
        """
        cells = sorted(self._val_cells(), key=lambda cell: cell[:4])[:limit]
        size = self.image_size
        names, crops = [], np.empty((len(cells), size, size, 3), np.uint8)
        for i, (index, _, _, photo, row, column) in enumerate(cells):
            level = self.val[photo].levels[index]
            top = level.height % size // 2 + row * size
            left = level.width % size // 2 + column * size
            crops[i] = self.level_pixels(level)[top : top + size, left : left + size]
            names.append(f"{self.val[photo].name}@{level.scale:g}x[{row},{column}]")
        return names, crops

    def photograph_of(self, crop: str) -> str:
        """The photograph that a crop named by `val_crops` comes from: crops of one are alike."""
        image = crop.rpartition("@")[0]
        return self.photographs.get(image, image)

    def _val_cells(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """(level, rank in the grid, index among the photograph's images, image, row, column) of every crop.

        The central crop of a grid has rank 0.
        """
        turns: Counter[str] = Counter()
        for p, photo in enumerate(self.val):
            photograph = self.photographs.get(photo.name, photo.name)
            # Images of one photograph take turns, so that a photograph with many does not fill the first N.
            turn = turns[photograph]
            turns[photograph] += 1
            for index, level in enumerate(photo.levels):
                rows, columns = level.height // self.image_size, level.width // self.image_size
                grid = [(r, c) for r in range(rows) for c in range(columns)]
                grid.sort(key=lambda cell: cell != (rows // 2, columns // 2))  # stable: the others keep their order
                for rank, (r, c) in enumerate(grid):
                    yield index, rank, turn, p, r, c

    def describe(self) -> dict[str, object]:
        """The data set in plain values; lists that may be long are cut to their first ten entries."""
        used = self.train + self.val
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "image_size": self.image_size,
            "train_images": len(self.train),
            "train_photographs": self._count_photographs(self.train),
            "val_images": len(self.val),
            "val_photographs": self._count_photographs(self.val),
            "split_rule": self.split_rule,
            "train_gray": sum(photo.is_gray for photo in self.train),
            "val_gray": sum(photo.is_gray for photo in self.val),
            "profiles": {word: sum(photo.profile == word for photo in used) for word in ("converted", "broken")},
            "skipped": len(self.skipped),
            "skipped_by_reason": dict(Counter(skipped.kind for skipped in self.skipped).most_common()),
            "skipped_first": [{"name": s.name, "reason": s.reason} for s in self.skipped[:MAX_DESCRIBED]],
            "left_out": dict(Counter(self.source.left_out).most_common(MAX_DESCRIBED)),
            "left_out_places": len(self.source.left_out),
            "left_out_images": sum(self.source.left_out.values()),
            "near_copies": len(self.near_copies),
            "near_copies_first": [copy._asdict() for copy in self.near_copies[:MAX_DESCRIBED]],
            "not_in_manifest": self.source.not_listed,
            "only_in_manifest": len(self.source.unmatched),
            "only_in_manifest_first": self.source.unmatched[:MAX_DESCRIBED],
        }

    def _count_photographs(self, photos: list[Photo]) -> int:
        return len({self.photographs.get(photo.name, photo.name) for photo in photos})


def open_dataset(config: DataConfig) -> Dataset:
    """The data set of a config, decoded on first use. Raises InputError where it is not usable, or the cache fails.

    Unusable files are left out before the split, so that a damaged file does not take a place in it.
    """
    source = open_source(config)
    decoded = open_decoded(source.files, config.image_size, config.scales)
    train, val, rule = _split(config, source, decoded)
    # Copies go before the subset is drawn, so that it has as many images as the config asks for.
    train, val, copies = without_copies(train, val, source.photographs)
    skipped = source.skipped + decoded.skipped + copies
    if config.skip_gray:
        skipped += [Skipped(photo.name, "gray (data.skip_gray)") for photo in train if photo.is_gray]
        train = [photo for photo in train if not photo.is_gray]
    skipped.sort(key=lambda file: (file.name, file.reason))
    for split, photos in (("train", train), ("val", val)):
        if not photos:
            raise InputError(_nothing_left(config, f"no {split} image is left", skipped))
    if config.score_on != "all":
        val = scored_half(val, config, source.photographs)
        rule += f"; scored on one half of the others, the {config.score_on} half"
    if config.train_images is not None and config.name != "places365":  # it draws from its list of files
        count = resolve_count(config.train_images, len(train))
        train = draw_subset(train, count, config.subset_seed, source.photographs)
        rule += f"; {len(train)} train images drawn with subset_seed {config.subset_seed}"
    return Dataset(
        name=dataset_name(config),
        image_size=config.image_size,
        fingerprint=_fingerprint(train, val),
        split_rule=rule,
        train=train,
        val=val,
        skipped=skipped,
        pixels=decoded.pixels,
        source=source,
        near_copies=near_copies(train, val),
    )


def _split(config: DataConfig, source: Source, decoded: Decoded) -> tuple[list[Photo], list[Photo], str]:
    """The photos of train and val, sorted by content, and the rule. Raises InputError where one would be empty."""
    if source.split_rule is not None:
        train, val = ([photo for photo in decoded.photos if photo.split == split] for split in ("train", "val"))
        return train, val, source.split_rule + _manifest_rule(source)
    split = split_by_content(decoded.photos, source.photographs)
    if split is None:
        usable, total = len(decoded.photos), len(source.files)
        problem = f"the {usable} usable images of {total} are of one photograph or all alike"
        problem = problem if usable > 1 else f"{usable or 'none'} of the {total} images can be used"
        skipped = source.skipped + decoded.skipped
        raise InputError(_nothing_left(config, f"{problem}, and train and val need one each", skipped))
    unit = f"by photograph, as {source.manifest} says" if source.manifest else "by content"
    families = ", and near copies share a split" if split.moved_near_copies else ""
    rule = f"{unit}: sorted by sha256, the first tenth (at least one) is val{families}"
    return split.train, split.val, rule + _manifest_rule(source)


def _manifest_rule(source: Source) -> str:
    """The images that a manifest does not list, in words."""
    if not source.not_listed:
        return ""
    listed = len(source.files) - source.not_listed
    return f"; {source.manifest} lists {listed} of the {len(source.files)} images, the others count one by one"


def _fingerprint(train: list[Photo], val: list[Photo]) -> str:
    # A file's bytes do not say how they are read: conversions beyond Pillow's own make other pixels of the same bytes.
    used = sorted(
        (split, photo.sha256, *([photo.reading] if photo.reading else []))
        for split, photos in (("train", train), ("val", val))
        for photo in photos
    )
    return hashlib.sha256(repr(used).encode()).hexdigest()[:16]


def dataset_name(config: DataConfig) -> str:
    """The data set's name; for a folder `folder NAME`, also where its path is `.` or `..`."""
    if config.name != "folder" or not config.path:
        return config.name
    folder = os.path.abspath(os.path.expanduser(config.path))
    return f"folder {printable_path(os.path.basename(folder) or folder)}"


def _nothing_left(config: DataConfig, problem: str, skipped: list[Skipped]) -> str:
    """The message for a split without images."""
    first = "; ".join(f"{s.name}: {s.reason}" for s in skipped[:3])
    more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    skips = f"; skipped: {len(skipped)} ({first}{more})" if skipped else ""
    where = f"data.path (--data) {config.path}" if config.path else f"data.name {config.name}"
    return f"{where}: {problem}{skips}; add larger or readable images, or lower data.image_size"
