"""One image file's bytes to upright 8-bit RGB, as a viewer shows it, at each size that crops are cut from."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
Pixels = npt.NDArray[np.uint8]
Profile = Literal["none", "converted", "broken"]
"""What became of a colour profile: there was none, its colours were converted to sRGB, or it could not be used."""
GRAY_SPREAD = 8
"""The most that the channels of a pixel of a gray image differ, in levels of 0-255."""


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """The pixels of one file, and what is known of them."""

    levels: list[tuple[float, Pixels]]
    """(scale, (height, width, 3) RGB), one for each size that the image has; never enlarged."""
    content: str
    """SHA-256 of the full-size upright pixels and their shape: equal for two encodings of the same pixels."""
    dhash: int
    """64-bit difference hash: near copies differ in few bits."""
    is_gray: bool
    """Whether no pixel has a colour worth speaking of."""
    profile: Profile


def decode(data: bytes, image_size: int, scales: Sequence[float]) -> DecodedImage:
    """The image at each scale whose short side it has.

    Raises ValueError where the image is smaller than every level, and whatever Pillow raises on a damaged file.
    """
    sides: dict[int, float] = {}
    for scale in scales:
        sides.setdefault(round(image_size * scale), scale)
    with Image.open(io.BytesIO(data)) as opened:
        width, height = opened.size
        if min(width, height) < min(sides):
            limit = "data.image_size" if min(sides) == image_size else "the smallest of data.scales"
            raise ValueError(f"smaller than {limit} ({width}x{height} < {min(sides)})")
        image = to_rgb(ImageOps.exif_transpose(opened))
    short = min(image.size)
    levels = []
    for side, scale in sides.items():
        if side <= short:
            size = (max(side, round(image.width * side / short)), max(side, round(image.height * side / short)))
            resized = image if side == short else image.resize(size, Image.Resampling.LANCZOS)
            levels.append((scale, np.asarray(resized)))
    return DecodedImage(levels, content_hash(image), dhash(image), is_gray(image), "none")


def open_regular(path: Path) -> io.BufferedReader:
    """The file opened for reading, links followed. Raises OSError, also where it is a pipe, a socket or a device.

    What was opened is looked at too: the path may lead elsewhere by then. Nothing waits for the other end of a pipe.
    """
    no_waiting = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # the second is Windows'
    _check_regular(os.stat(path), path)  # first: opening a device can already do something
    file = os.fdopen(os.open(path, os.O_RDONLY | no_waiting), "rb")
    try:
        _check_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path) -> bytes:
    """All bytes of a file that `open_regular` opens. Raises OSError."""
    with open_regular(path) as file:
        return file.read()


def _check_regular(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def content_hash(image: Image.Image) -> str:
    """SHA-256 of an RGB image's shape and pixels, in hex."""
    found = hashlib.sha256(repr(image.size).encode())
    found.update(image.tobytes())
    return found.hexdigest()


def dhash(image: Image.Image) -> int:
    """Whether each pixel of a 9 x 8 gray thumbnail is brighter than its left neighbour, as 64 bits, row by row."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return int("".join("1" if bit else "0" for bit in (small[:, 1:] > small[:, :-1]).ravel()), 2)


def is_gray(image: Image.Image) -> bool:
    """Whether the channels of every pixel of an RGB image are alike."""
    pixels = np.asarray(image)
    return int((pixels.max(2) - pixels.min(2)).max()) <= GRAY_SPREAD


def to_rgb(image: Image.Image) -> Image.Image:
    """Eight-bit RGB: alpha over white, 16-bit grey to 8. Raises ValueError for 32-bit modes, of unknown range."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"32-bit pixels (mode {image.mode}); save it with 8 bits a channel")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
