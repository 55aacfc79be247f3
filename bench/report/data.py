"""What a data set is, in words: for the terminal, and for the first lines of a report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text


def described_table(data: dict[str, Any]) -> Table:
    """Dataset.describe() as rows that a narrow terminal folds."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for heading, text in _rows(data):
        table.add_row(heading, Text(text))
    return table


def _rows(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    side, total = data["image_size"], data["train_images"] + data["val_images"]
    yield "data", data["name"]
    yield "training", _images(data["train_images"], data["train_photographs"])
    yield "validation", _images(data["val_images"], data["val_photographs"])
    yield "split", data["split_rule"]
    yield "crops", f"{side} x {side} pixels (--image-size)"
    yield "fingerprint", f"{data['fingerprint']} (of the images' content and their split)"
    yield "gray", _gray(data)
    converted, broken = data["profiles"]["converted"], data["profiles"]["broken"]
    yield "profiles", f"{converted:,} of {_count(total, 'image')} with colours converted to sRGB, {broken:,} broken"
    yield (
        "skipped",
        _listed(
            _count(data["skipped"], "file"),
            [f"{count:,} {reason}" for reason, count in data["skipped_by_reason"].items()],
            [f"{one['name']}: {one['reason']}" for one in data["skipped_first"]],
            data["skipped"],
        ),
    )
    held = [f"{_count(count, 'image')} in {place}" for place, count in data["left_out"].items()]
    yield "left out", _listed(_count(data["left_out_images"], "image"), [], held, data["left_out_places"])
    alike = [f"{copy['train']} like {copy['val']}" for copy in data["near_copies_first"]]
    what = f"{_count(data['near_copies'], 'training image')} much like one in validation"
    yield "near copies", _listed(what, [], alike, data["near_copies"]) if alike else "none between the splits"
    if data["not_in_manifest"] or data["only_in_manifest"]:
        words = f"{_count(data['not_in_manifest'], 'image')} not in it, {data['only_in_manifest']:,} only in it"
        yield "manifest", _listed(words, [], data["only_in_manifest_first"], data["only_in_manifest"])


def data_words(data: dict[str, Any]) -> str:
    """What was left out, and what else a reader has to know; older records do not say all of it."""
    found = [f"{data['skipped']} files skipped"]
    if held := data.get("left_out_images"):
        found.append(f"{_count(held, 'image')} in other folders left out")
    if data.get("train_gray") or data.get("val_gray"):
        found.append(f"gray: {_gray(data)}")
    for word, count in data.get("profiles", {}).items():
        if count:
            found.append(f"{_count(count, 'colour profile')} {word}")
    if copies := data.get("near_copies"):
        found.append(f"{_count(copies, 'training image')} much like one in validation")
    if rows := data.get("only_in_manifest"):
        found.append(f"{_count(rows, 'row')} of the manifest of no image")
    return ", ".join(found)


def _gray(data: dict[str, Any]) -> str:
    return (
        f"{data['train_gray']:,} of {data['train_images']:,} training images, "
        f"{data['val_gray']:,} of {data['val_images']:,} validation images"
    )


def _images(images: int, photographs: int) -> str:
    return _count(images, "image") + (f" of {_count(photographs, 'photograph')}" if photographs != images else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _listed(what: str, kinds: list[str], first: list[str], total: int) -> str:
    """A count, what it is made of, and the first of it, a line each."""
    head = what + (f": {', '.join(kinds)}" if kinds else "")
    more = [f"... and {total - len(first):,} more"] if total > len(first) else []
    return "\n".join([head, *(f"  {line}" for line in [*first, *more])])
