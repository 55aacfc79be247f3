"""The split by content, of sets that come without one, and the parts of a split that a config asks for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bench.config import DataConfig
from bench.data.cache import Photo
from bench.errors import InputError


class ByContent(NamedTuple):
    """Two splits, each in the order that the photos came in, and whether near copies had a say."""

    train: list[Photo]
    val: list[Photo]
    moved_near_copies: bool


def split_by_content(photos: Sequence[Photo], photographs: dict[str, str]) -> ByContent | None:
    """The first tenth of what is different, by sha256, is val; None where there is one thing only.

    All of one photograph are one thing, and so are images with the same pixels. Where that would part near copies, the
    tenth is filled again, with whole families of them.
    """
    things = _groups([(photo.content, ("photograph", photographs.get(photo.name, photo.name))) for photo in photos])
    order = list(dict.fromkeys(thing for _, thing in sorted(zip((p.sha256 for p in photos), things, strict=True))))
    if len(order) < 2:
        return None
    first = set(order[: max(1, len(order) // 10)])
    kin = _groups([(thing, ("kin", photo.kin)) for thing, photo in zip(things, photos, strict=True)])
    family_of = dict(zip(things, kin, strict=True))
    families: dict[int, set[int]] = {family_of[thing]: set() for thing in order}
    for thing, family in family_of.items():
        families[family].add(thing)
    chosen = first
    if any(family & first and family - first for family in families.values()):
        chosen = _filled(list(families.values()), len(first)) or first
    train = [photo for photo, thing in zip(photos, things, strict=True) if thing not in chosen]
    val = [photo for photo, thing in zip(photos, things, strict=True) if thing in chosen]
    return ByContent(train, val, chosen != first)


def _filled(families: Sequence[set[int]], room: int) -> set[int]:
    """What is in the first families that have room together, else in the smallest; empty where that would be all.

    One that is too large is left out: pictures of one kind can be near copies of each other in a chain.
    """
    chosen: set[int] = set()
    for family in families:
        if len(chosen) + len(family) <= room:
            chosen |= family
    chosen = chosen or min(families, key=len)
    return chosen if len(families) > 1 else set()


def _groups(keys: Iterable[Sequence[Hashable]]) -> list[int]:
    """A number for each item: items that share a key, directly or by way of others, have the same."""
    parent: list[int] = []
    first: dict[Hashable, int] = {}

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = item = parent[parent[item]]
        return item

    for item, own in enumerate(keys):
        parent.append(item)
        for key in own:
            parent[root(item)] = root(first.setdefault(key, item))
    return [root(item) for item in range(len(parent))]


def half(photos: list[Photo], config: DataConfig, photographs: dict[str, str]) -> list[Photo]:
    """Every other photograph in the order of content, which is as good as a draw. Raises InputError below two."""
    groups = list(dict.fromkeys(photographs.get(photo.name, photo.name) for photo in photos))
    if len(groups) < 2:
        raise InputError(
            f"data.score_on is {config.score_on}, but {groups[0]} is the one photograph that is not trained on; "
            "two halves need two: add photographs"
        )
    kept = set(groups[config.score_on == "test" :: 2])
    return [photo for photo in photos if photographs.get(photo.name, photo.name) in kept]


def subset(photos: list[Photo], count: int, seed: int, photographs: dict[str, str]) -> list[Photo]:
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
