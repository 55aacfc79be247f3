"""The photographs of a run: opened, subset, fingerprinted, and cut into training batches and validation crops."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.config import DataConfig, InputError
from bench.data.cache import Decoded, Level, Photo, Skipped, open_decoded
from bench.data.decode import Pixels
from bench.data.sources import open_source, wanted

TRAIN_STREAM = 1  # keeps the crops' random numbers apart from others that are drawn from (seed, step)


class _LevelTable(NamedTuple):
    """The levels of all of train in one list; photograph p owns the `owned[p]` of them from `first[p]` on."""

    levels: list[Level]
    first: npt.NDArray[np.int64]
    owned: npt.NDArray[np.int64]
    sides: npt.NDArray[np.int64]
    """(levels, 2): height and width."""


class Crops(NamedTuple):
    """Where the crops of a batch lie, one entry an image."""

    level: npt.NDArray[np.int64]
    """Into Dataset.train_levels."""
    corner: npt.NDArray[np.int64]
    """(B, 2): top, left."""
    mirrored: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Decoded photographs, sorted by content, and the crops of side `image_size` in them."""

    name: str
    image_size: int
    fingerprint: str
    """16 hex digits over the split and content of the photographs in use; paths and names do not matter."""
    split_rule: str
    train: list[Photo]
    val: list[Photo]
    skipped: list[Skipped]
    pixels: Pixels = field(repr=False)
    photographs: dict[str, str] = field(default_factory=dict, repr=False)
    """Image name -> the photograph it was cut from, where that is known."""

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

    def draw(self, batch_size: int, seed: int, step: int, flip: bool) -> Crops:
        """Random crops of the train photographs, a function of (seed, step) alone.

        A photograph is drawn uniformly, then one of its levels, then a position, then with `flip` the mirroring.
        """
        table = self._table
        rng = np.random.default_rng([TRAIN_STREAM, seed, step])
        photo = rng.integers(len(self.train), size=batch_size)
        drawn = table.first[photo] + rng.integers(table.owned[photo])
        corner = rng.integers(table.sides[drawn] - self.image_size + 1)
        mirrored = (rng.random(batch_size) < 0.5) & flip  # drawn without flip too: the crops are then the same
        return Crops(drawn, corner, mirrored)

    def cut(self, crops: Crops) -> Pixels:
        """(B, S, S, 3), in memory of their own."""
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

    def train_batch(self, batch_size: int, seed: int, step: int, flip: bool) -> Pixels:
        """(B, S, S, 3): what `draw` draws, cut."""
        return self.cut(self.draw(batch_size, seed, step, flip))

    def val_crops(self, limit: int | None) -> tuple[list[str], Pixels]:
        """Names such as `coffee@1.5x[0,1]` (scale, row, column) and (N, S, S, 3) crops; `limit` keeps the first.

        Every level's centred grid of crops that do not overlap, level by level: in each, the central crop of every
        photograph (of its first image, then of its second, where one was cut into several), then their second crops,
        and so on, so that the first N are a broad sample.
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
        """(level, rank in the grid, turn of the image among its photograph's, image, row, column) of every crop; the
        central one has rank 0."""
        turns: Counter[str] = Counter()
        for p, photo in enumerate(self.val):
            photograph = self.photographs.get(photo.name, photo.name)
            turn = turns[photograph]
            turns[photograph] += 1
            for index, level in enumerate(photo.levels):
                rows, columns = level.height // self.image_size, level.width // self.image_size
                grid = [(r, c) for r in range(rows) for c in range(columns)]
                grid.sort(key=lambda cell: cell != (rows // 2, columns // 2))  # stable: the others keep their order
                for rank, (r, c) in enumerate(grid):
                    yield index, rank, turn, p, r, c

    def describe(self) -> dict[str, object]:
        """What the data are, in plain values; of the skipped files the first ten."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "image_size": self.image_size,
            "train_images": len(self.train),
            "train_photographs": len({self.photographs.get(p.name, p.name) for p in self.train}),
            "val_images": len(self.val),
            "val_photographs": len({self.photographs.get(p.name, p.name) for p in self.val}),
            "split_rule": self.split_rule,
            "skipped": len(self.skipped),
            "skipped_first": [{"name": s.name, "reason": s.reason} for s in self.skipped[:10]],
        }


def open_dataset(config: DataConfig) -> Dataset:
    """The data of a config, decoded on first use. Raises InputError where an image is missing, or the cache fails."""
    source = open_source(config)
    decoded = open_decoded(source, config.image_size, config.scales)
    train, val = ([p for p in decoded.photos if p.split == split] for split in ("train", "val"))
    for split, photos in (("train", train), ("val", val)):
        if not photos:
            raise InputError(_nothing_left(config, split, decoded))
    rule = source.split_rule
    if config.score_on != "all":
        val = _half(val, config, source.photographs)
        rule += f"; scored on one half of the others, the {config.score_on} half"
    if config.train_images is not None and config.name != "places365":  # which draws from its list of files
        train = _subset(train, wanted(config.train_images, len(train)), config.subset_seed, source.photographs)
        rule += f"; {len(train)} train images drawn with subset_seed {config.subset_seed}"
    # what the bytes are read as counts only where that changed, so that all other ids stay what they were
    used = sorted((p.split, p.sha256) + ((p.reading,) if p.reading else ()) for p in train + val)
    fingerprint = hashlib.sha256(repr(used).encode()).hexdigest()[:16]
    name = f"folder {Path(config.path).name}" if config.name == "folder" and config.path else config.name
    return Dataset(
        name,
        config.image_size,
        fingerprint,
        rule,
        train,
        val,
        decoded.skipped,
        decoded.pixels,
        source.photographs,
    )


def _half(photos: list[Photo], config: DataConfig, photographs: dict[str, str]) -> list[Photo]:
    """Every other photograph in the order of content, which is as good as a draw. Raises InputError below two."""
    groups = list(dict.fromkeys(photographs.get(photo.name, photo.name) for photo in photos))
    if len(groups) < 2:
        raise InputError(
            f"data.score_on is {config.score_on}, but {groups[0]} is the one photograph that is not trained on; "
            "two halves need two: add photographs"
        )
    kept = set(groups[config.score_on == "test" :: 2])
    return [photo for photo in photos if photographs.get(photo.name, photo.name) in kept]


def _subset(photos: list[Photo], count: int, seed: int, photographs: dict[str, str]) -> list[Photo]:
    """`count` images, sorted by content; the subsets of one seed are nested. All crops of a photograph come together,
    so that fewer images are fewer photographs. Raises InputError."""
    if count > len(photos):
        raise InputError(f"data.train_images is {count}, but there are {len(photos)} train images; lower it")
    groups: dict[str, list[int]] = {}
    for i, photo in enumerate(photos):
        groups.setdefault(photographs.get(photo.name, photo.name), []).append(i)
    members = list(groups.values())
    order = np.random.default_rng([seed]).permutation(len(members)).tolist()
    picked = [i for group in order for i in members[group]][:count]
    return [photos[i] for i in sorted(picked)]


def _nothing_left(config: DataConfig, split: str, decoded: Decoded) -> str:
    first = "; ".join(f"{s.name}: {s.reason}" for s in decoded.skipped[:3])
    more = f"; and {len(decoded.skipped) - 3} more" if len(decoded.skipped) > 3 else ""
    where = f"data.path (--data) {config.path}" if config.path else f"data.name {config.name}"
    return f"{where}: no {split} image is left, {len(decoded.skipped)} files were skipped ({first}{more}); " + (
        "add larger or readable images, or lower data.image_size"
    )
