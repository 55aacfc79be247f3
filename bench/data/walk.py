"""The image files below a folder, without what programs keep there for themselves: thumbnails, bins, hidden files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from bench.data.decode import SUFFIXES, UNDECODABLE
from bench.data.files import ImageFile, Skipped, Split, check_is_of_the_file, spelled

NOT_PHOTOGRAPHS = {  # in small letters; besides all that begin with a dot
    "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot",  # network drives
    "__macosx", "$recycle.bin", "recycler", "system volume information", "lost+found",  # operating systems
}  # fmt: skip
HIDDEN = "hidden files"


@dataclass
class Found:
    """What lies below a folder."""

    files: list[ImageFile] = field(default_factory=list)
    """Sorted by name, and so are the next."""
    undecodable: list[ImageFile] = field(default_factory=list)
    """Images of a kind that cannot be decoded here."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Name of a folder that is left out, wherever it lies, or HIDDEN -> how many image files it holds."""
    skipped: list[Skipped] = field(default_factory=list)
    """Those, and folders that cannot be listed."""
    manifests: list[Path] = field(default_factory=list)
    """Files that are called manifest.csv in letters of either case."""

    def __add__(self, other: Found) -> Found:
        return Found(*(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))


def is_left_out(folder: str) -> bool:
    """Whether a folder of this name is a program's, not a person's."""
    return folder.startswith(".") or folder.lower() in NOT_PHOTOGRAPHS


def images_below(root: Path, below: Path, split: Split | None = None, without: Collection[str] = ()) -> Found:
    """The images below a folder, named by their paths below the root; linked folders are followed once.

    without: real paths of folders that are not entered.
    """
    found, seen = Found(), {os.path.realpath(below), *without}
    start = len(os.path.join(root, ""))

    def cannot_be_listed(error: OSError) -> None:
        check_is_of_the_file(error, Path(error.filename))
        folder = spelled(os.path.join(error.filename, "")[start:])
        found.skipped.append(Skipped(folder, f"cannot be listed ({error.strerror})"))

    for here, folders, files in os.walk(below, onerror=cannot_be_listed, followlinks=True):
        names, folders[:] = sorted(folders), []
        for name in names:
            path = os.path.join(here, name)
            if is_left_out(name):
                found.left_out[f"{spelled(name)}/"] += _count(path)
            elif (real := os.path.realpath(path)) not in seen:  # a link can form a circle
                seen.add(real)
                folders.append(name)
        folder, inside = Path(here), os.path.join(here, "")[start:].replace(os.sep, "/")
        for name in files:
            suffix = _suffix(name)
            if suffix not in SUFFIXES and suffix not in UNDECODABLE:
                found.manifests += [folder / name] if name.lower() == "manifest.csv" else []
            elif name.startswith("."):
                found.left_out[HIDDEN] += 1
            else:
                file = ImageFile(inside + name, folder / name, split)
                (found.files if suffix in SUFFIXES else found.undecodable).append(file)
    for some in (found.files, found.undecodable):
        some.sort(key=lambda file: file.name)
    found.skipped += [Skipped(file.name, UNDECODABLE[_suffix(file.name)]) for file in found.undecodable]
    found.left_out = +found.left_out  # without those that hold no image
    return found


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _count(folder: str) -> int:
    """How many image files a folder holds, at any depth; none is opened."""
    names = (name for _, _, files in os.walk(folder) for name in files)
    return sum(suffix in SUFFIXES or suffix in UNDECODABLE for suffix in map(_suffix, names))
