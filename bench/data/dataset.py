"""The photographs of a run: opened, subset, fingerprinted, and cut into training batches and validation crops."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.config import DataConfig, InputError
from bench.data.cache import Decoded, Level, Photo, Pixels, Skipped, open_decoded
from bench.data.sources import open_source

TRAIN_STREAM = 1  # keeps the crops' random numbers apart from others that are drawn from (seed, step)


class _LevelTable(NamedTuple):
    """The levels of all of train in one list; photograph p owns the `owned[p]` of them from `first[p]` on."""

    levels: list[Level]
    first: npt.NDArray[np.int64]
    owned: npt.NDArray[np.int64]
    sides: npt.NDArray[np.int64]
    """(levels, 2): height and width."""


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

    def level_pixels(self, level: Level) -> Pixels:
        """A read-only view of one level, (height, width, 3)."""
        shape = (level.height, level.width, 3)
        return self.pixels[level.offset : level.offset + level.height * level.width * 3].reshape(shape)

    @cached_property
    def _table(self) -> _LevelTable:
        levels = [level for photo in self.train for level in photo.levels]
        owned = np.array([len(photo.levels) for photo in self.train])
        return _LevelTable(levels, np.cumsum(owned) - owned, owned, np.array([(v.height, v.width) for v in levels]))

    def train_batch(self, batch_size: int, seed: int, step: int, flip: bool) -> Pixels:
        """(batch_size, S, S, 3) random crops, a function of (seed, step) alone, in memory of their own.

        A photograph is drawn uniformly, then one of its levels, then a position, then with `flip` the mirroring.
        """
        size, table = self.image_size, self._table
        rng = np.random.default_rng([TRAIN_STREAM, seed, step])
        photo = rng.integers(len(self.train), size=batch_size)
        drawn = table.first[photo] + rng.integers(table.owned[photo])
        corner = rng.integers(table.sides[drawn] - size + 1)  # (batch_size, 2): top, left
        mirrored = (rng.random(batch_size) < 0.5) & flip  # drawn without flip too: the crops are then the same
        batch = np.empty((batch_size, size, size, 3), np.uint8)
        for i, (level, (top, left), mirror) in enumerate(
            zip(drawn.tolist(), corner.tolist(), mirrored.tolist(), strict=True)
        ):
            crop = self.level_pixels(table.levels[level])[top : top + size, left : left + size]
            batch[i] = crop[:, ::-1] if mirror else crop
        return batch

    def val_crops(self, limit: int | None) -> tuple[list[str], Pixels]:
        """Names such as `coffee@1.5x[0,1]` (scale, row, column) and (N, S, S, 3) crops; `limit` keeps the first.

        Every level's centred grid of crops that do not overlap, level by level: in each, the central crop of every
        photograph, then their second crops, and so on, so that the first N are a broad sample.
        """
        cells = sorted(self._val_cells(), key=lambda cell: cell[:3])[:limit]
        size = self.image_size
        names, crops = [], np.empty((len(cells), size, size, 3), np.uint8)
        for i, (index, _, photo, row, column) in enumerate(cells):
            level = self.val[photo].levels[index]
            top = level.height % size // 2 + row * size
            left = level.width % size // 2 + column * size
            crops[i] = self.level_pixels(level)[top : top + size, left : left + size]
            names.append(f"{self.val[photo].name}@{level.scale:g}x[{row},{column}]")
        return names, crops

    def _val_cells(self) -> Iterator[tuple[int, int, int, int, int]]:
        """(level, rank in the grid, photograph, row, column) of every crop; the central one has rank 0."""
        for p, photo in enumerate(self.val):
            for index, level in enumerate(photo.levels):
                rows, columns = level.height // self.image_size, level.width // self.image_size
                grid = [(r, c) for r in range(rows) for c in range(columns)]
                grid.sort(key=lambda cell: cell != (rows // 2, columns // 2))  # stable: the others keep their order
                for rank, (r, c) in enumerate(grid):
                    yield index, rank, p, r, c

    def describe(self) -> dict[str, object]:
        """What the data are, in plain values; of the skipped files the first ten."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "image_size": self.image_size,
            "train_photographs": len(self.train),
            "val_photographs": len(self.val),
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
    if config.train_images is not None and config.name != "places365":  # which draws from its list of files
        train = _subset(train, config.train_images, config.subset_seed)
        rule += f"; {config.train_images} train images drawn with subset_seed {config.subset_seed}"
    used = sorted((p.split, p.sha256) for p in train + val)
    fingerprint = hashlib.sha256(repr(used).encode()).hexdigest()[:16]
    return Dataset(config.name, config.image_size, fingerprint, rule, train, val, decoded.skipped, decoded.pixels)


def _subset(photos: list[Photo], count: int, seed: int) -> list[Photo]:
    """`count` photographs, sorted by content; the subsets of one seed are nested. Raises InputError."""
    if count > len(photos):
        raise InputError(f"data.train_images is {count}, but there are {len(photos)} train images; lower it")
    picked = np.random.default_rng([seed]).permutation(len(photos))[:count]
    return [photos[i] for i in sorted(picked.tolist())]


def _nothing_left(config: DataConfig, split: str, decoded: Decoded) -> str:
    first = "; ".join(f"{s.name}: {s.reason}" for s in decoded.skipped[:3])
    more = f"; and {len(decoded.skipped) - 3} more" if len(decoded.skipped) > 3 else ""
    where = f"data.path (--data) {config.path}" if config.path else f"data.name {config.name}"
    return f"{where}: no {split} image is left, {len(decoded.skipped)} files were skipped ({first}{more}); " + (
        "add larger or readable images, or lower data.image_size"
    )
