"""Images that are copies of others: the same pixels whatever the encoding, and nearly the same ones by their dHash."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.data.decode import NEAR_COPY_BITS
from bench.data.files import Skipped

if TYPE_CHECKING:
    from bench.data.cache import Photo

BLOCK = 1 << 20  # pairs of hashes that are compared at once; bounds the memory


class NearCopy(NamedTuple):
    """A train image, and the one in val that is most like it."""

    train: str
    val: str


def without_copies(
    train: Sequence[Photo], val: Sequence[Photo], listed: Container[str]
) -> tuple[list[Photo], list[Photo], list[Skipped]]:
    """What is left when each content counts once, in their order: in val where it is in both, else the first.

    Of copies in one split, one stays that is `listed`, as those are whose photograph is known.
    """
    skipped: list[Skipped] = []
    in_val = _first_of_each(val, listed)
    for photo in train:
        if first := in_val.get(photo.content):
            skipped.append(Skipped(photo.name, f"the same content is in val (as {first.name})"))
    rest = [photo for photo in train if photo.content not in in_val]
    in_train = _first_of_each(rest, listed)
    left = []
    for photos, firsts in ((rest, in_train), (val, in_val)):
        left.append([photo for photo in photos if firsts[photo.content] is photo])
        skipped += [
            Skipped(photo.name, f"the same content as another image (as {first.name})")
            for photo in photos
            if (first := firsts[photo.content]) is not photo
        ]
    return left[0], left[1], skipped


def _first_of_each(photos: Sequence[Photo], listed: Container[str]) -> dict[str, Photo]:
    """Content -> the image that stays."""
    found: dict[str, Photo] = {}
    for photo in sorted(photos, key=lambda photo: photo.name not in listed):
        found.setdefault(photo.content, photo)
    return found


def near_copies(train: Sequence[Photo], val: Sequence[Photo]) -> list[NearCopy]:
    """Each train image that is nearly one in val, beside the one that is nearest."""
    kin = {photo.kin for photo in val if photo.dhash is not None}
    train = [photo for photo in train if photo.dhash is not None and photo.kin in kin]
    kin = {photo.kin for photo in train}
    val = [photo for photo in val if photo.dhash is not None and photo.kin in kin]
    found = nearest(_hashes(train), _hashes(val))
    return [NearCopy(train[row].name, val[column].name) for row, column in found]


def nearest(left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Of each hash in `left` that is within NEAR_COPY_BITS of one in `right`, its place and that of the nearest."""
    found: list[tuple[int, int]] = []
    rows = max(1, BLOCK // max(1, len(right)))
    for start in range(0, len(left) if len(right) else 0, rows):
        distance = np.bitwise_count(left[start : start + rows, None] ^ right)
        column = distance.argmin(1)
        near = np.flatnonzero(distance[np.arange(len(column)), column] <= NEAR_COPY_BITS)
        found += zip((start + near).tolist(), column[near].tolist(), strict=True)
    return found


def kin_of(hashes: Sequence[int | None]) -> list[int]:
    """A number for each image: images that are near copies, directly or by way of others, have the same."""
    label = np.arange(len(hashes))
    known = np.array([place for place, value in enumerate(hashes) if value is not None], np.int64)
    values = np.array([value for value in hashes if value is not None], np.uint64)
    rows = max(1, BLOCK // max(1, len(values)))
    for start in range(0, len(values), rows):
        near = np.bitwise_count(values[start : start + rows, None] ^ values) <= NEAR_COPY_BITS
        for row in np.flatnonzero(near.sum(1) > 1):
            together = np.unique(label[known[near[row]]])
            if len(together) > 1:
                label[np.isin(label, together)] = together[0]
    return [int(value) for value in label]


def _hashes(photos: Sequence[Photo]) -> npt.NDArray[np.uint64]:
    return np.array([photo.dhash for photo in photos], np.uint64)
