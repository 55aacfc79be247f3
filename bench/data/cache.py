"""The cache of decoded pixels: every image is decoded once, stored by content, and opened as a memory map."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from filelock import FileLock
from PIL import UnidentifiedImageError

from bench.data.copies import kin_of
from bench.data.decode import NEAR_COPY_BITS, SUFFIXES, DecodedImage, Pixels, decode, read_regular
from bench.data.files import ImageFile, Skipped, content_hashes, skip_unreadable
from bench.data.photo import Level, Photo
from bench.errors import InputError, Unreadable, printable, reading

CACHE_VERSION = 2  # raise it when the same file would decode to other pixels
DECODED_FIELDS = ("content", "dhash", "is_gray", "profile", "reading")  # which a Photo takes from its DecodedImage
CHUNK = 32  # images that are decoded before they are written; bounds the memory


@dataclass(frozen=True, eq=False)
class Decoded:
    """The usable photographs among some files, sorted by sha256 and name, and one flat read-only map of all pixels."""

    photos: list[Photo]
    skipped: list[Skipped]
    pixels: Pixels


class _Index(NamedTuple):
    """A cache entry: what is known of files with certain bytes, whatever their names."""

    photos: dict[str, dict[str, Any]]
    """sha256 -> the fields of Photo that follow from the bytes."""
    skipped: dict[str, str]
    """sha256 -> the reason why the file is skipped."""
    pixels: Pixels


def cache_root() -> Path:
    """$BENCH_CACHE, else gan-bench in $XDG_CACHE_HOME, else ~/.cache/gan-bench."""
    if own := os.environ.get("BENCH_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gan-bench"


def open_decoded(files: Sequence[ImageFile], image_size: int, scales: Sequence[float]) -> Decoded:
    """The photographs in some files, decoded into the cache where they are not in it; unusable files are skipped.

    Raises InputError where the cache cannot be written, or an image changes while it is read; Unreadable where a read
    fails for the moment, because without that file the data set would be another one.
    """
    hashes = content_hashes(files)
    paths = {sha256: file.path for file, sha256 in zip(files, hashes, strict=True) if isinstance(sha256, str)}
    index = _load_or_build(dict(sorted(paths.items())), image_size, scales)
    photos, skipped = [], []
    for file, sha256 in zip(files, hashes, strict=True):
        if isinstance(sha256, OSError):
            skipped.append(skip_unreadable(file, sha256))
        elif sha256 in index.skipped:
            skipped.append(Skipped(file.name, index.skipped[sha256]))
        else:
            photos.append(Photo(file.name, file.split, sha256, **index.photos[sha256]))
    return Decoded(sorted(photos, key=lambda p: (p.sha256, p.name)), skipped, index.pixels)


def _load_or_build(paths: dict[str, Path], image_size: int, scales: Sequence[float]) -> _Index:
    """The cache entry of some contents; paths: sha256 -> a file with that content. Raises InputError."""
    decoder = [CACHE_VERSION, PIL.__version__, sorted(SUFFIXES), NEAR_COPY_BITS]  # plug-ins of Pillow add suffixes
    # Contents and not paths: renamed and moved files are found again.
    identity = [decoder, image_size, list(scales), list(paths)]
    folder = cache_root() / "data" / hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
    index = _load(folder, paths)
    if index is None:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")):  # a second process waits, and then loads what the first built
                index = _load(folder, paths) or _build(folder, paths, image_size, scales)
        except Unreadable:
            raise
        except OSError as error:
            raise InputError(
                f"the cache folder {cache_root()} cannot be written ({error}); "
                "make room there, or set BENCH_CACHE to a folder that can be written"
            ) from error
    return index


def _load(folder: Path, paths: Iterable[str]) -> _Index | None:
    """A cache entry; None where there is none, or it is damaged.

    Raises Unreadable: an entry that cannot be read for the moment is not damaged, and must not be built again.
    """
    try:
        with reading(folder):
            index = json.loads((folder / "index.json").read_text())
            size = (folder / "pixels.bin").stat().st_size
        photos, skipped = index["photos"], index["skipped"]
        if set(paths) != {*photos, *skipped}:
            return None
        end = 0
        # Levels lie back to back: a gap, an overlap or a short file is damage.
        for photo in photos.values():
            photo["levels"] = tuple(Level(*level) for level in photo["levels"])
            for level in photo["levels"]:
                if level.offset != end:
                    return None
                end += level.height * level.width * 3
        if size != end:
            return None
        with reading(folder):
            mapped = np.memmap(folder / "pixels.bin", np.uint8, "r") if end else np.zeros(0, np.uint8)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return _Index(photos, skipped, np.asarray(mapped))  # a plain view: slicing np.memmap itself is slow


def _build(folder: Path, paths: dict[str, Path], image_size: int, scales: Sequence[float]) -> _Index:
    """Decode all files into a sibling folder and move it into place. The caller holds the lock."""
    building = folder.with_suffix(".partial")
    for stale in (building, folder):  # the rest of a build that was killed; a damaged entry
        if stale.exists():
            shutil.rmtree(stale)
    building.mkdir()
    try:
        _write(building, paths, image_size, scales)
        os.replace(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    built = _load(folder, paths)
    if built is None:
        raise OSError(f"{folder} does not read back as it was written")
    return built


def _write(building: Path, paths: dict[str, Path], image_size: int, scales: Sequence[float]) -> None:
    """Write pixels.bin and index.json of all files in their order, with a chunk of images in memory at a time."""
    photos: dict[str, dict[str, Any]] = {}
    skipped, offset, entries = {}, 0, list(paths.items())
    decode_entry = partial(_decode_entry, image_size=image_size, scales=scales)
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
        (building / "pixels.bin").open("wb") as file,
    ):
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata
        for start in range(0, len(entries), CHUNK):
            chunk = entries[start : start + CHUNK]
            # map() keeps the order of the files, which decides the offsets, whichever thread finishes first.
            for (sha256, _), decoded in zip(chunk, pool.map(decode_entry, chunk), strict=True):
                if isinstance(decoded, str):
                    skipped[sha256] = decoded
                    continue
                levels = []
                for scale, pixels in decoded.levels:
                    levels.append(Level(scale, offset, pixels.shape[0], pixels.shape[1]))
                    offset += file.write(pixels.tobytes())
                photos[sha256] = {"levels": levels, **{name: getattr(decoded, name) for name in DECODED_FIELDS}}
        file.flush()
        os.fsync(file.fileno())  # otherwise a power cut could leave zeros of the right length
    for photo, kin in zip(photos.values(), kin_of([p["dhash"] for p in photos.values()]), strict=True):
        photo["kin"] = kin
    (building / "index.json").write_text(json.dumps({"photos": photos, "skipped": skipped}))


def _decode_entry(entry: tuple[str, Path], image_size: int, scales: Sequence[float]) -> DecodedImage | str:
    """A file's image, or the reason to skip it. Raises InputError where its content has changed since it was hashed."""
    sha256, path = entry
    try:
        data = read_regular(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror} while it was being decoded; run again") from error
    # The cache would keep the pixels of a file that changed after it was hashed under the wrong content for ever.
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InputError(f"{path} changed while it was being decoded; run again")
    try:
        return decode(data, image_size, scales)
    except MemoryError:  # the machine's fault, not the file's
        raise
    except UnidentifiedImageError:  # whose message holds a memory address
        return "not an image that Pillow can read"
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        return printable(" ".join(str(error).split())) or type(error).__name__
