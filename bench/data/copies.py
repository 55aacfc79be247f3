"""Copies among images: the same pixels in any encoding, and near copies by their dHash."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.data.decode import NEAR_COPY_BITS
from bench.data.files import Skipped
from bench.data.photo import Photo

BLOCK = 1 << 20  # pairs of hashes that are compared at a time; bounds the memory


class NearCopy(NamedTuple):
    """The names of a train image and of the val image that is nearest to it."""

    train: str
    val: str


def without_copies(
    train: Sequence[Photo], val: Sequence[Photo], listed: Container[str]
) -> tuple[list[Photo], list[Photo], list[Skipped]]:
    """Train and val with each content once, in their order, and the copies that are skipped.

    A content of both splits stays in val. Of copies in one split the first stays, and before it one that is `listed`,
    since the photograph of those is known.
    """
    skipped: list[Skipped] = []
    in_val = _first_of_each(val, listed)
    for photo in train:
        if first := in_val.get(photo.content):
            skipped.append(Skipped(photo.name, f"the same content is in val (as {first.name})"))
    rest = [photo for photo in train if photo.content not in in_val]
    in_train = _first_of_each(rest, listed)
    kept = []
    for photos, firsts in ((rest, in_train), (val, in_val)):
        kept.append([photo for photo in photos if firsts[photo.content] is photo])
        skipped += [
            Skipped(photo.name, f"the same content as another image (as {first.name})")
            for photo in photos
            if (first := firsts[photo.content]) is not photo
        ]
    return kept[0], kept[1], skipped


def _first_of_each(photos: Sequence[Photo], listed: Container[str]) -> dict[str, Photo]:
    """Content -> the image that stays."""
    first: dict[str, Photo] = {}
    for photo in sorted(photos, key=lambda photo: photo.name not in listed):
        first.setdefault(photo.content, photo)
    return first


def near_copies(train: Sequence[Photo], val: Sequence[Photo]) -> list[NearCopy]:
    """Each train image that is a near copy of one in val, with the nearest one."""
    # Only families with members in both splits can hold a pair, which leaves few hashes to compare.
    kin = {photo.kin for photo in val if photo.dhash is not None}
    train = [photo for photo in train if photo.dhash is not None and photo.kin in kin]
    kin = {photo.kin for photo in train}
    val = [photo for photo in val if photo.dhash is not None and photo.kin in kin]
    pairs = nearest_pairs(_hashes(train), _hashes(val))
    return [NearCopy(train[row].name, val[column].name) for row, column in pairs]


def nearest_pairs(left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64]) -> list[tuple[int, int]]:
    """(index in left, index of the nearest in right), where the two differ in at most NEAR_COPY_BITS bits."""
    pairs: list[tuple[int, int]] = []
    rows = max(1, BLOCK // max(1, len(right)))
    for start in range(0, len(left) if len(right) else 0, rows):
        distance = np.bitwise_count(left[start : start + rows, None] ^ right)
        column = distance.argmin(1)
        near = np.flatnonzero(distance[np.arange(len(column)), column] <= NEAR_COPY_BITS)
        pairs += zip((start + near).tolist(), column[near].tolist(), strict=True)
    return pairs


def kin_of(hashes: Sequence[int | None]) -> list[int]:
    """The number of each image's family: near copies, directly or by way of others, have the same number."""
    label = np.arange(len(hashes))
    known = np.array([place for place, value in enumerate(hashes) if value is not None], np.int64)
    values = np.array([value for value in hashes if value is not None], np.uint64)
    rows = max(1, BLOCK // max(1, len(values)))
    for start in range(0, len(values), rows):
        near = np.bitwise_count(values[start : start + rows, None] ^ values) <= NEAR_COPY_BITS
        for row in np.flatnonzero(near.sum(1) > 1):
            # The families that meet here become one: all members take the first one's number.
            together = np.unique(label[known[near[row]]])
            if len(together) > 1:
                label[np.isin(label, together)] = together[0]
    return [int(value) for value in label]


def _hashes(photos: Sequence[Photo]) -> npt.NDArray[np.uint64]:
    return np.array([photo.dhash for photo in photos], np.uint64)
