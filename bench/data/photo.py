"""A decoded photograph: what is known of its content, and where its pixels lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bench.data.files import Split
from bench.data.shown import Profile


class Level(NamedTuple):
    """A photograph at one size: (height, width, 3) bytes from `offset` in the pixel file."""

    scale: float
    offset: int
    height: int
    width: int


@dataclass(frozen=True)
class Photo:
    """A decoded photograph. The fields from `content` to `reading` are those of a DecodedImage."""

    name: str
    split: Split | None
    sha256: str
    """SHA-256 of the file's bytes, in hex."""
    levels: tuple[Level, ...]
    """One for each entry of data.scales that the photograph is large enough for; at least one."""
    content: str
    dhash: int | None
    is_gray: bool
    profile: Profile
    reading: str
    kin: int
    """The number of its family: near copies, directly or by way of others, share it."""
