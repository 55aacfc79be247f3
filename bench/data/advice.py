"""What a person should know of the data before anything is trained on them."""

from __future__ import annotations

from bench.config import InputError, TaskConfig
from bench.data.dataset import Dataset

MANY = 0.1
"""The share of gray images from which on a set for colorization is remarked upon."""


def advice(dataset: Dataset, task: TaskConfig) -> list[str]:
    """Lines about what will cost a task its results, though it can be run. Raises InputError where it can't."""
    return [f"{dataset.name}: {line}" for line in (*_of_gray(dataset, task), *_of_copies(dataset), *_of_rows(dataset))]


def _of_gray(dataset: Dataset, task: TaskConfig) -> list[str]:
    if task.name != "colorization":
        return []
    found = []
    for split, photos in (("training", dataset.train), ("validation", dataset.val)):
        gray = sum(photo.is_gray for photo in photos)
        if split == "training" and gray == len(photos):
            raise InputError(
                f"data ({dataset.name}): {'each of the ' if gray > 1 else 'the '}{gray} training image"
                f"{'s' * (gray > 1)} is gray, and colorization learns from colours; give photographs in colour, or "
                "another task with task.name=inpainting"
            )
        if gray >= MANY * len(photos):
            found.append(f"{gray:,} of the {len(photos):,} {split} images are gray ({gray / len(photos):.0%})")
            found[-1] += "; data.skip_gray=true leaves them out" if split == "training" else ""
            found[-1] += ", and say nothing about colours" if split == "validation" else ""
    return found


def _of_copies(dataset: Dataset) -> list[str]:
    if not dataset.near_copies:
        return []
    first = dataset.near_copies[0]
    return [
        f"{len(dataset.near_copies):,} of the training images look nearly like one in validation, such as "
        f"{first.train} like {first.val}; if they are copies, scores are too good"
    ]


def _of_rows(dataset: Dataset) -> list[str]:
    source = dataset.source
    if not source.unmatched:
        return []
    return [
        f"{len(source.unmatched):,} rows of {source.manifest} are of no image there, such as {source.unmatched[0]!r}"
    ]
