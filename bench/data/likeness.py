"""What tells one photograph from another: the same pixels, nearly the same, and whether they have colours."""

from __future__ import annotations

import hashlib

import numpy as np
from PIL import Image

STRIP = 1 << 22  # pixels that are hashed at a time; bounds the memory
FLAT = 3
"""Neighbours in a `dhash` thumbnail that differ by less, in levels of 0-255, may come out either way in a copy."""
GRAY_AB = 5
"""The most |a| and |b| of a pixel without colour."""
GRAY_SHARE = 0.02
"""The share of an image's area that may have colours, such as a logo or a date, without making it a colour image."""


def content_hash(image: Image.Image) -> str:
    """SHA-256 of an RGB image's shape and pixels, in hex."""
    found = hashlib.sha256(repr(image.size).encode())
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        found.update(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())
    return found.hexdigest()


def dhash(image: Image.Image) -> int | None:
    """Whether each pixel of a 9 x 8 gray thumbnail is brighter than its left neighbour, as 64 bits, row by row.

    After N. Krawetz, "Kind of Like That", 2013. None where fewer than half of them differ clearly: chance would decide.
    """
    small = np.asarray(image.resize((9, 8), Image.Resampling.BOX).convert("L"), np.int16)
    steps = small[:, 1:] - small[:, :-1]
    if np.count_nonzero(np.abs(steps) >= FLAT) < steps.size // 2:
        return None
    return int("".join("1" if bit else "0" for bit in (steps > 0).ravel()), 2)


def is_gray(image: Image.Image) -> bool:
    """Whether |a| and |b| of CIE Lab are at most 5 in 98% of an RGB image's area, at about 128 pixels a side.

    5 is the bound of zhang2016's released network (NonGrayMaskLayer), which passes over images where no pixel exceeds
    it at a quarter of the resolution. Means over small areas lose the noise of JPEG, and a logo does not count.
    """
    small = image.reduce(max(1, min(image.size) // 128)).convert("LAB")
    ab = np.asarray(small)[:, :, 1:].view(np.int8)
    coloured = (np.abs(ab.astype(np.int16)) > GRAY_AB).any(2)
    return float(coloured.mean()) <= GRAY_SHARE
