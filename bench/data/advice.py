"""What a person should know of the data before anything is trained on them."""

from __future__ import annotations

from bench.config import TaskConfig
from bench.data.dataset import Dataset
from bench.errors import InputError

MANY = 0.1
"""The share of gray images from which on a set for colorization is remarked upon."""


def advice(dataset: Dataset, task: TaskConfig) -> list[str]:
    """Lines about what will cost a task its results, though it can be run. Raises InputError where it can't."""
    return [f"{dataset.name}: {line}" for line in (*_of_gray(dataset, task), *_of_copies(dataset), *_of_rows(dataset))]


def _of_gray(dataset: Dataset, task: TaskConfig) -> list[str]:
    if task.name != "colorization":
        return []
    found = []
    parts = (
        ("training", dataset.train, "data.skip_gray=true leaves them out"),
        ("validation", dataset.val, "they say little about colours"),
    )
    for split, photos, consequence in parts:
        gray = sum(photo.is_gray for photo in photos)
        if split == "training" and gray == len(photos):
            all_of_them = "the only training image is" if gray == 1 else f"all {gray:,} training images are"
            raise InputError(
                f"data.path (--data): {dataset.name}: {all_of_them} gray, and colorization learns from colours; give "
                "photographs in colour"
            )
        if gray >= MANY * len(photos):
            share = f"{gray:,} of the {len(photos):,} {split} images {_are(gray)} gray ({gray / len(photos):.0%})"
            found.append(f"{share}; {consequence}")
    return found


def _of_copies(dataset: Dataset) -> list[str]:
    copies = dataset.near_copies
    if not copies:
        return []
    look = f"{len(copies):,} of the {len(dataset.train):,} training images {'looks' if len(copies) == 1 else 'look'}"
    first = f"{copies[0].train} like {copies[0].val}"
    return [f"{look} nearly like one in validation, such as {first}; if they are copies, scores are too good"]


def _of_rows(dataset: Dataset) -> list[str]:
    rows, manifest = dataset.source.unmatched, dataset.source.manifest
    if not rows:
        return []
    return [f"{len(rows):,} of the rows of {manifest} {_are(len(rows))} of no image there, such as {rows[0]}"]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
