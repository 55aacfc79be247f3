"""A data set in words: for the terminal, and for the first lines of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from bench.report.tables.numbers import counted, listed

PROFILES = {"converted": "converted to sRGB", "broken": "read as sRGB because the profile is broken"}


def described_table(data: dict[str, Any]) -> Table:
    """`Dataset.describe()` as a table; long texts wrap on a narrow terminal."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for heading, text in _rows(data):
        table.add_row(heading, Text(text))
    return table


RECORDED = {
    "left_out_images": "images left out",
    "train_gray": "gray images",
    "profiles": "colour profiles",
    "near_copies": "near copies",
    "only_in_manifest": "rows of the manifest without an image",
}
"""Facts of a data set that an archive may lack, as null -> what they count."""


def data_words(data: dict[str, Any]) -> str:
    """What was left out of a data set, and what else a reader has to know; null values are named as not recorded."""
    facts = [f"{counted(data['skipped'], 'file')} skipped"]
    if images := data["left_out_images"]:
        facts.append(f"{counted(images, 'image')} in other folders left out")
    if data["train_gray"] or data["val_gray"]:
        facts.append(f"gray: {_gray(data)}")
    for profile, treatment in PROFILES.items():
        if data["profiles"] and (count := data["profiles"][profile]):
            facts.append(f"colours of {counted(count, 'image')} {treatment}")
    if copies := data["near_copies"]:
        facts.append(f"{counted(copies, 'training image')} nearly identical to a validation image")
    if rows := data["only_in_manifest"]:
        facts.append(f"{counted(rows, 'row')} of the manifest without an image")
    if unknown := [words for key, words in RECORDED.items() if data[key] is None]:
        facts.append(f"not recorded: {listed(unknown)}")
    return "; ".join(facts)


def _rows(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Heading and text of each row; a row with nothing to say is left out."""
    side = data["image_size"]
    yield "data", data["name"]
    yield "training", _images(data["train_images"], data["train_photographs"])
    yield "validation", _images(data["val_images"], data["val_photographs"])
    yield "split", data["split_rule"]
    yield "crops", f"{side} x {side} pixels"
    yield "fingerprint", f"{data['fingerprint']} (of the files' content and the split)"
    all_gray = "; no colours can be learnt from them" if data["train_gray"] == data["train_images"] else ""
    yield "gray", _gray(data) + all_gray
    for profile, treatment in PROFILES.items():
        if count := data["profiles"][profile]:
            yield "colours", f"of {counted(count, 'image')} {treatment}"
    yield "skipped", _skipped(data)
    if places := data["left_out"]:
        lines = [f"{count:,} in {place}" for place, count in places.items()]
        yield "left out", _first(counted(data["left_out_images"], "image"), lines, data["left_out_places"])
    if copies := data["near_copies"]:
        lines = [f"{copy['train']} is like {copy['val']}" for copy in data["near_copies_first"]]
        title = f"{counted(copies, 'training image')} nearly identical to a validation image"
        yield "near copies", _first(title, lines, copies)
    if data["not_in_manifest"] or data["only_in_manifest"]:
        rows = data["only_in_manifest"]
        title = f"{counted(data['not_in_manifest'], 'image')} not listed, {counted(rows, 'row')} without an image"
        yield "manifest", _first(title, data["only_in_manifest_first"], rows)


def _skipped(data: dict[str, Any]) -> str:
    """The skipped files with reasons; for many files the first ones, and the counts by reason."""
    lines = [f"{file['name']}: {file['reason']}" for file in data["skipped_first"]]
    text = _first(counted(data["skipped"], "file"), lines, data["skipped"])
    if len(lines) == data["skipped"]:
        return text
    return "\n".join([text, "by reason:", *(f"{n:,} x {reason}" for reason, n in data["skipped_by_reason"].items())])


def _gray(data: dict[str, Any]) -> str:
    return (
        f"{data['train_gray']:,} of {data['train_images']:,} training images, "
        f"{data['val_gray']:,} of {data['val_images']:,} validation images"
    )


def _images(images: int, photographs: int) -> str:
    return counted(images, "image") + (f" of {counted(photographs, 'photograph')}" if photographs != images else "")


def _first(title: str, lines: Sequence[str], total: int) -> str:
    """A count, the first of the counted items on a line each, and how many more there are."""
    more = [f"... and {total - len(lines):,} more"] if total > len(lines) else []
    return "\n".join([title, *lines, *more])
