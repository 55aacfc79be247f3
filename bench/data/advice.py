"""Notes on a data set that a person should read before training on it."""

from __future__ import annotations

from bench.config import TaskConfig
from bench.data.dataset import Dataset
from bench.errors import InputError

NOTABLE_GRAY_SHARE = 0.1
"""The least share of gray images that is noted of a data set for colorization."""


def advice(dataset: Dataset, task: TaskConfig) -> list[str]:
    """Notes on what will spoil a task's results, a line each. Raises InputError where the task cannot be learned."""
    notes = (*_gray_notes(dataset, task), *_copy_notes(dataset), *_manifest_notes(dataset))
    return [f"{dataset.name}: {note}" for note in notes]


def _gray_notes(dataset: Dataset, task: TaskConfig) -> list[str]:
    if task.name != "colorization":
        return []
    notes = []
    splits = (
        ("training", dataset.train, "data.skip_gray=true leaves them out"),
        ("validation", dataset.val, "they say little about colours"),
    )
    for split, photos, consequence in splits:
        gray = sum(photo.is_gray for photo in photos)
        if split == "training" and gray == len(photos):
            subject = "the only training image is" if gray == 1 else f"all {gray:,} training images are"
            raise InputError(
                f"data.path (--data): {dataset.name}: {subject} gray, and colorization learns from colours; give "
                "photographs in colour"
            )
        if gray >= NOTABLE_GRAY_SHARE * len(photos):
            share = f"{gray:,} of the {len(photos):,} {split} images {_are(gray)} gray ({gray / len(photos):.0%})"
            notes.append(f"{share}; {consequence}")
    return notes


def _copy_notes(dataset: Dataset) -> list[str]:
    copies = dataset.near_copies
    if not copies:
        return []
    alike = "looks nearly like a validation image" if len(copies) == 1 else "look nearly like validation images"
    count = f"{len(copies):,} of the {len(dataset.train):,} training images"
    first = f"{copies[0].train} like {copies[0].val}"
    return [f"{count} {alike}, such as {first}; if they are copies, scores are too good"]


def _manifest_notes(dataset: Dataset) -> list[str]:
    rows, manifest = dataset.source.unmatched, dataset.source.manifest
    if not rows:
        return []
    name = "names" if len(rows) == 1 else "name"
    return [f"{len(rows):,} of the rows of {manifest} {name} no image of the folder, such as {rows[0]}"]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
