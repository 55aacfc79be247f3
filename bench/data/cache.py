"""Decodes every image once into uint8 pixels on disk, addressed by content, and opens them as a memory map."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock
from PIL import UnidentifiedImageError

from bench.config import InputError
from bench.data.decode import DecodedImage, Pixels, decode, read_regular
from bench.data.sources import ImageFile, Source, content_hashes

CACHE_VERSION = 2  # raise it when the same file would decode to other pixels
CHUNK = 32  # images that are decoded before they are written; bounds the memory


@dataclass(frozen=True)
class Level:
    """A photograph at one size: (height, width, 3) bytes from `offset` in the pixel file."""

    scale: float
    offset: int
    height: int
    width: int


@dataclass(frozen=True)
class Photo:
    """A decoded photograph; `sha256` is of its file, `levels` follow data.scales and hold at least one."""

    name: str
    split: str
    sha256: str
    levels: tuple[Level, ...]
    reading: str = ""
    """DecodedImage.reading: not empty where the pixels are others than its bytes once gave."""


@dataclass(frozen=True)
class Skipped:
    """A file that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Decoded:
    """Photos sorted by split, sha256 and name, and one flat read-only map of all their pixels."""

    photos: list[Photo]
    skipped: list[Skipped]
    pixels: Pixels


class _Entry(NamedTuple):
    split: str
    sha256: str
    name: str
    path: Path


def cache_root() -> Path:
    """$BENCH_CACHE, else gan-bench in $XDG_CACHE_HOME, else ~/.cache/gan-bench."""
    if own := os.environ.get("BENCH_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gan-bench"


def open_decoded(source: Source, image_size: int, scales: Sequence[float]) -> Decoded:
    """The decoded photographs of a source, from the cache, or built into it.

    A copy is skipped, and so is a train image whose content is also in val, as every file is that cannot be read or is
    too small.
    Raises InputError where the cache cannot be written, or an image changes while it is read.
    """
    entries, skipped = _entries(source)
    identity = [CACHE_VERSION, image_size, list(scales), [e[:3] for e in entries]]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
    folder = cache_root() / "data" / key
    decoded = _load(folder)
    if decoded is None:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")):  # a second process waits, then finds it done
                decoded = _load(folder) or _build(folder, entries, image_size, scales)
        except OSError as error:
            raise InputError(
                f"cannot write the cache folder {cache_root()} ({error}); "
                "make room there, or set BENCH_CACHE to a folder that can be written"
            ) from error
    skipped = sorted(skipped + decoded.skipped, key=lambda s: (s.name, s.reason))
    return Decoded(decoded.photos, skipped, decoded.pixels)


def _entries(source: Source) -> tuple[list[_Entry], list[Skipped]]:
    """What is to be decoded, sorted by split, content and name; and what cannot be, or is in val too."""
    files: list[tuple[str, ImageFile]] = [("train", f) for f in source.train] + [("val", f) for f in source.val]
    hashes = content_hashes([f for _, f in files])
    in_val = {h for (split, _), h in zip(files, hashes, strict=True) if split == "val"}
    entries, skipped = [], []
    seen: dict[tuple[str, str], str] = {}
    for (split, file), sha256 in zip(files, hashes, strict=True):
        if isinstance(sha256, OSError):
            skipped.append(Skipped(file.name, f"cannot be read: {sha256.strerror}"))
        elif split == "train" and sha256 in in_val:
            skipped.append(Skipped(file.name, "the same content is in val"))
        elif first := seen.get((split, sha256)):
            skipped.append(Skipped(file.name, f"the same content as {first}"))
        else:
            seen[split, sha256] = file.name
            entries.append(_Entry(split, sha256, file.name, file.path))
    return sorted(entries), skipped


def _load(folder: Path) -> Decoded | None:
    """A cache entry, or None where there is none or it is damaged."""
    try:
        index = json.loads((folder / "index.json").read_text())
        photos = [Photo(**{**p, "levels": tuple(Level(**lv) for lv in p["levels"])}) for p in index["photos"]]
        skipped = [Skipped(**s) for s in index["skipped"]]
        end = 0
        for level in (level for photo in photos for level in photo.levels):
            if level.offset != end:
                return None
            end += level.height * level.width * 3
        if (folder / "pixels.bin").stat().st_size != end:
            return None
        mapped = np.memmap(folder / "pixels.bin", np.uint8, "r") if end else np.zeros(0, np.uint8)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Decoded(photos, skipped, np.asarray(mapped))  # a plain view: slicing np.memmap itself is slow


def _build(folder: Path, entries: list[_Entry], image_size: int, scales: Sequence[float]) -> Decoded:
    """Decode all entries into a sibling folder and move it into place; the caller holds the lock."""
    building = folder.with_suffix(".partial")
    for stale in (building, folder):  # of a build that was killed; damaged
        if stale.exists():
            shutil.rmtree(stale)
    building.mkdir()
    try:
        _write(building, entries, image_size, scales)
        os.replace(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    built = _load(folder)
    if built is None:
        raise OSError(f"{folder} reads back differently from what was written")
    return built


def _write(building: Path, entries: list[_Entry], image_size: int, scales: Sequence[float]) -> None:
    """pixels.bin and index.json of all entries, in their order, a chunk of images in memory at a time."""
    photos, skipped, offset = [], [], 0
    decode_entry = partial(_decode_entry, image_size=image_size, scales=scales)
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
        (building / "pixels.bin").open("wb") as file,
    ):
        warnings.simplefilter("ignore")  # Pillow's, about odd metadata
        for start in range(0, len(entries), CHUNK):
            chunk = entries[start : start + CHUNK]
            for entry, decoded in zip(chunk, pool.map(decode_entry, chunk), strict=True):
                if isinstance(decoded, str):
                    skipped.append(Skipped(entry.name, decoded))
                    continue
                levels = []
                for scale, pixels in decoded.levels:
                    levels.append(Level(scale, offset, pixels.shape[0], pixels.shape[1]))
                    offset += file.write(pixels.tobytes())
                photos.append(Photo(entry.name, entry.split, entry.sha256, tuple(levels), decoded.reading))
        file.flush()
        os.fsync(file.fileno())  # else a power cut could leave zeros of the right length
    index = {"photos": [asdict(p) for p in photos], "skipped": [asdict(s) for s in skipped]}
    (building / "index.json").write_text(json.dumps(index))


def _decode_entry(entry: _Entry, image_size: int, scales: Sequence[float]) -> DecodedImage | str:
    """An entry's levels, or the reason to skip it. Raises InputError where its content is no longer the hashed one."""
    try:
        data = read_regular(entry.path)
    except OSError as error:
        raise InputError(f"{entry.path}: {error.strerror} while it was being decoded; run again") from error
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise InputError(f"{entry.path} changed while it was being decoded; run again")
    try:
        return decode(data, image_size, scales)
    except MemoryError:  # says nothing about the file
        raise
    except UnidentifiedImageError:  # its own message holds a memory address
        return "not an image that Pillow can read"
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        return " ".join(str(error).split()) or type(error).__name__
