"""An image file's bytes decoded to upright 8-bit RGB, as a viewer shows it, at each size that crops are cut from."""

from __future__ import annotations

import errno
import importlib
import io
import math
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from bench.data.likeness import content_hash, dhash, is_gray
from bench.data.shown import Profile, as_shown

for _plugin in ("pillow_heif.HeifImagePlugin", "pillow_jxl"):
    with suppress(ImportError):  # an installed plug-in registers its formats with Pillow on import
        importlib.import_module(_plugin)

Pixels = npt.NDArray[np.uint8]
MAX_PIXELS = 300_000_000
"""The largest size of an image; phones make 108 and 200 million pixels."""
PIXELS_AT_ONCE = 100_000_000
"""Pixels that all threads together decode at a time, at about 12 bytes each; a larger image is decoded alone."""
NEAR_COPY_BITS = 6
"""Two images whose `dhash` differ in no more bits are near copies.

Of 374 crops from 197 photographs, 99% of the copies at half the size and JPEG quality 60 differ in at most 6 bits, and
so do those without their outer 2 pixels. Crops of two photographs differ in at least 10."""

NOT_PHOTOGRAPHS = {
    *("EPS", "PDF", "WMF"),  # documents and drawings, which have no pixels of their own
    *("CUR", "ICNS", "ICO", "XBM", "XPM"),  # icons and cursors
    *("FLI", "MPEG"),  # films
    *("BUFR", "FITS", "GRIB", "HDF5"),  # measurements, whose unit cannot be shown
    *("BLP", "DDS", "FTEX", "GBR"),  # textures and brushes
    *("IM", "IPTC", "MSP"),  # Pillow's own, which is deprecated; a wrapper; black-and-white drawings
}
SUFFIXES = {
    suffix
    for suffix, format in Image.registered_extensions().items()
    if (format in Image.OPEN or format == "MPO") and format not in NOT_PHOTOGRAPHS
}
"""Suffixes of image files, in lower case and with the dot: those that Pillow opens, without NOT_PHOTOGRAPHS. An MPO
file, which holds two views, is opened as JPEG."""
FORMATS = [format for format in Image.ID if format != "EPS"]  # Pillow hands EPS, a program, to Ghostscript

_HEIC = "HEIC needs the plug-in pillow-heif (`pip install pillow-heif`)"
_JXL = "JPEG XL needs the plug-in pillow-jxl-plugin (`pip install pillow-jxl-plugin`)"
_RAW = "a camera's raw file; develop it, and save it as TIFF, PNG or JPEG"
_RAWS = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos"),
    *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
UNDECODABLE = {
    suffix: reason
    for suffix, reason in {
        ".avif": "AVIF needs Pillow 11.3 or later, built with libavif",
        **dict.fromkeys([".heic", ".heics", ".heif", ".heifs", ".hif"], _HEIC),
        ".jxl": _JXL,
        **dict.fromkeys([".jxr", ".wdp", ".hdp"], "JPEG XR cannot be read; save it as PNG or JPEG"),
        **dict.fromkeys([".exr", ".hdr"], "its brightness has no limit; map it to 8 bits, and save it as PNG or JPEG"),
        **dict.fromkeys([".svg", ".svgz"], "a drawing, not a photograph; render it, and save it as PNG"),
        **dict.fromkeys(_RAWS, _RAW),
    }.items()
    if suffix not in SUFFIXES
}
"""Suffix -> the reason why such images cannot be decoded here."""

# Pillow's own limit holds for the whole process: it warns, and raises at twice as much. `decode` checks MAX_PIXELS
# before any pixel is decoded instead. Pillow's limit is lifted once, on import: around each call, threads would race.
Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_CHUNK = 1 << 24  # bytes when unpacked; a scanner's profile can exceed Pillow's 1 MiB


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """The pixels of a file, and properties of its content."""

    levels: list[tuple[float, Pixels]]
    """(scale, RGB pixels (height, width, 3)) for each size that the image is large enough for; none is enlarged."""
    content: str
    """SHA-256 of the full-size upright pixels and their shape: equal for two encodings of the same pixels."""
    dhash: int | None
    """64-bit difference hash: near copies differ in at most NEAR_COPY_BITS; None where the image is too flat for it."""
    is_gray: bool
    """Whether it has next to no colour, as `likeness.is_gray` defines it."""
    profile: Profile
    reading: str
    """The conversions beyond Pillow's own, joined by +: 12 bits, negative, transparency, icc."""


def decode(data: bytes, image_size: int, scales: Sequence[float]) -> DecodedImage:
    """The image at each scale that it is large enough for; of an animation or several pages, the first image.

    Raises ValueError where the image is smaller than every level, or larger than MAX_PIXELS, before it is decoded; and
    whatever Pillow raises on a damaged file.
    """
    sides: dict[int, float] = {}
    # Two scales can round to the same side; the first one stands for both.
    for scale in scales:
        sides.setdefault(round(image_size * scale), scale)
    with _opened(data) as opened:
        width, height = opened.size
        if min(width, height) < min(sides):
            limit = "data.image_size" if min(sides) == image_size else "the smallest of data.scales"
            raise ValueError(f"smaller than {limit} ({width}x{height} < {min(sides)})")
        if width * height > MAX_PIXELS:
            raise ValueError(f"{math.ceil(width * height / 1e6)} megapixels; the most is {MAX_PIXELS // 1_000_000}")
        with _room_for(width * height):
            image, profile, reading = as_shown(opened, data)
            levels = _levels(image, sides)
            return DecodedImage(levels, content_hash(image), dhash(image), is_gray(image), profile, reading)


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"):
            raise ValueError(_HEIC) from None  # phones often name such a file .jpg
        raise


def _levels(image: Image.Image, sides: dict[int, float]) -> list[tuple[float, Pixels]]:
    short = min(image.size)
    levels = []
    for side, scale in sides.items():
        if side <= short:
            # max(): rounding must not make the short side shorter than a crop.
            size = (max(side, round(image.width * side / short)), max(side, round(image.height * side / short)))
            resized = image if side == short else image.resize(size, Image.Resampling.LANCZOS)
            levels.append((scale, np.asarray(resized)))
    return levels


_turn = threading.Condition()
_decoding: list[int] = []


@contextmanager
def _room_for(pixels: int) -> Iterator[None]:
    """Wait until the images that other threads decode leave room for one of so many pixels."""
    with _turn:
        _turn.wait_for(lambda: not _decoding or sum(_decoding) + pixels <= PIXELS_AT_ONCE)
        _decoding.append(pixels)
    try:
        yield
    finally:
        with _turn:
            _decoding.remove(pixels)
            _turn.notify_all()


def open_regular(path: Path) -> io.BufferedReader:
    """The file opened for reading; links are followed. Raises OSError, also for a pipe, a socket or a device."""
    _check_regular(os.stat(path), path)  # before opening, which can already act on a device
    # Without O_NONBLOCK, opening a pipe would wait for its other end. O_BINARY exists on Windows only.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_regular(os.fstat(file.fileno()), path)  # the path may have come to mean another file meanwhile
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path) -> bytes:
    """The bytes of a regular file. Raises OSError."""
    with open_regular(path) as file:
        return file.read()


def _check_regular(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
