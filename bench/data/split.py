"""The split by content of data sets without a split of their own, and the parts of a split that a config asks for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bench.config import DataConfig
from bench.data.photo import Photo
from bench.errors import InputError


class ByContent(NamedTuple):
    """Train and val, each in the order of the photos given, and whether near copies changed the split."""

    train: list[Photo]
    val: list[Photo]
    moved_near_copies: bool


def split_by_content(photos: Sequence[Photo], photographs: dict[str, str]) -> ByContent | None:
    """A split with the first tenth of the distinct contents, by sha256, as val; None where there is one content only.

    Crops of one photograph count as one content, and so do images with the same pixels. Where that split would separate
    near copies, the tenth is filled with whole families of them instead.
    """
    contents = _groups([(photo.content, ("photograph", photographs.get(photo.name, photo.name))) for photo in photos])
    # The order of hashes is as good as random, and stays the same when files are renamed.
    order = list(
        dict.fromkeys(content for _, content in sorted(zip((p.sha256 for p in photos), contents, strict=True)))
    )
    if len(order) < 2:
        return None
    first = set(order[: max(1, len(order) // 10)])
    kin = _groups([(content, ("kin", photo.kin)) for content, photo in zip(contents, photos, strict=True)])
    family_of = dict(zip(contents, kin, strict=True))
    families: dict[int, set[int]] = {family_of[content]: set() for content in order}
    for content, family in family_of.items():
        families[family].add(content)
    chosen = first
    if any(family & first and family - first for family in families.values()):
        chosen = _whole_families(list(families.values()), len(first)) or first
    train = [photo for photo, content in zip(photos, contents, strict=True) if content not in chosen]
    val = [photo for photo, content in zip(photos, contents, strict=True) if content in chosen]
    return ByContent(train, val, chosen != first)


def _whole_families(families: Sequence[set[int]], room: int) -> set[int]:
    """The contents of the first families that fit into the room together, else of the smallest; empty for an only one.

    A family that is too large is passed over: pictures of one kind can be near copies of each other in a chain.
    """
    chosen: set[int] = set()
    for family in families:
        if len(chosen) + len(family) <= room:
            chosen |= family
    chosen = chosen or min(families, key=len)
    return chosen if len(families) > 1 else set()


def _groups(keys: Iterable[Sequence[Hashable]]) -> list[int]:
    """The number of each item's group: items that share a key, directly or by way of others, have the same number."""
    parent: list[int] = []
    first: dict[Hashable, int] = {}

    def root(item: int) -> int:
        # Union-find with path halving.
        while parent[item] != item:
            parent[item] = item = parent[parent[item]]
        return item

    for item, own in enumerate(keys):
        parent.append(item)
        for key in own:
            parent[root(item)] = root(first.setdefault(key, item))
    return [root(item) for item in range(len(parent))]


def scored_half(photos: list[Photo], config: DataConfig, photographs: dict[str, str]) -> list[Photo]:
    """Every other photograph in the order of content, which is as good as a draw. Raises InputError below two."""
    groups = list(dict.fromkeys(photographs.get(photo.name, photo.name) for photo in photos))
    if len(groups) < 2:
        raise InputError(
            f"data.score_on is {config.score_on}, but {groups[0]} is the only photograph that is not trained on, and "
            "two halves need two; add photographs"
        )
    kept = set(groups[config.score_on == "test" :: 2])
    return [photo for photo in photos if photographs.get(photo.name, photo.name) in kept]


def draw_subset(photos: list[Photo], count: int, seed: int, photographs: dict[str, str]) -> list[Photo]:
    """`count` images, sorted by content; the subsets of one seed are nested. Raises InputError.

    All crops of a photograph come together, so that fewer images are fewer photographs.
    """
    if count > len(photos):
        raise InputError(f"data.train_images is {count}, but there are {len(photos)} train images; lower it")
    groups: dict[str, list[int]] = {}
    for i, photo in enumerate(photos):
        groups.setdefault(photographs.get(photo.name, photo.name), []).append(i)
    members = list(groups.values())
    order = np.random.default_rng([seed]).permutation(len(members)).tolist()
    picked = [i for group in order for i in members[group]][:count]
    return [photos[i] for i in sorted(picked)]
