"""What a data set is, in words: for the terminal, and for the first lines of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

PROFILES = {"converted": "converted to sRGB", "broken": "taken for sRGB, as their profile is broken"}


def described_table(data: dict[str, Any]) -> Table:
    """Dataset.describe() as rows that a narrow terminal folds."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for heading, text in _rows(data):
        table.add_row(heading, Text(text))
    return table


def data_words(data: dict[str, Any]) -> str:
    """What was left out, and what else a reader has to know; older records do not say all of it."""
    found = [f"{_count(data['skipped'], 'file')} skipped"]
    if held := data.get("left_out_images"):
        found.append(f"{_count(held, 'image')} in other folders left out")
    if data.get("train_gray") or data.get("val_gray"):
        found.append(f"gray: {_gray(data)}")
    for word, what in PROFILES.items():
        if count := data.get("profiles", {}).get(word):
            found.append(f"colours of {_count(count, 'image')} {what}")
    if copies := data.get("near_copies"):
        found.append(f"{_count(copies, 'training image')} nearly like one in validation")
    if rows := data.get("only_in_manifest"):
        found.append(f"{_count(rows, 'row')} of the manifest of no image")
    return "; ".join(found)


def _rows(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    side = data["image_size"]
    yield "data", data["name"]
    yield "training", _images(data["train_images"], data["train_photographs"])
    yield "validation", _images(data["val_images"], data["val_photographs"])
    yield "split", data["split_rule"]
    yield "crops", f"{side} x {side} pixels"
    yield "fingerprint", f"{data['fingerprint']} (of the files' content, and of the split)"
    nothing = "; there is nothing to learn colours from" if data["train_gray"] == data["train_images"] else ""
    yield "gray", _gray(data) + nothing
    for word, what in PROFILES.items():
        if count := data["profiles"][word]:
            yield "colours", f"of {_count(count, 'image')} {what}"
    yield "skipped", _skipped(data)
    if places := data["left_out"]:
        held = [f"{count:,} in {place}" for place, count in places.items()]
        yield "left out", _listed(_count(data["left_out_images"], "image"), held, data["left_out_places"])
    if copies := data["near_copies"]:
        alike = [f"{copy['train']} like {copy['val']}" for copy in data["near_copies_first"]]
        yield "near copies", _listed(f"{_count(copies, 'training image')} nearly like one in validation", alike, copies)
    if data["not_in_manifest"] or data["only_in_manifest"]:
        rows = data["only_in_manifest"]
        words = f"{_count(data['not_in_manifest'], 'image')} not in it, {_count(rows, 'row')} of no image"
        yield "manifest", _listed(words, data["only_in_manifest_first"], rows)


def _skipped(data: dict[str, Any]) -> str:
    """All of them one by one; of many the first, and how many there are by reason."""
    first = [f"{one['name']}: {one['reason']}" for one in data["skipped_first"]]
    listed = _listed(_count(data["skipped"], "file"), first, data["skipped"])
    if len(first) == data["skipped"]:
        return listed
    return "\n".join([listed, "by reason:", *(f"{n:,} x {reason}" for reason, n in data["skipped_by_reason"].items())])


def _gray(data: dict[str, Any]) -> str:
    return (
        f"{data['train_gray']:,} of {data['train_images']:,} training images, "
        f"{data['val_gray']:,} of {data['val_images']:,} validation images"
    )


def _images(images: int, photographs: int) -> str:
    return _count(images, "image") + (f" of {_count(photographs, 'photograph')}" if photographs != images else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _listed(what: str, first: Sequence[str], total: int) -> str:
    """A count, and the first of what is counted, a line each."""
    more = [f"... and {total - len(first):,} more"] if total > len(first) else []
    return "\n".join([what, *first, *more])
