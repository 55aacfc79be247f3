"""The image files below a folder, without those of programs: thumbnails, recycle bins, hidden files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from bench.data.decode import SUFFIXES, UNDECODABLE
from bench.data.files import ImageFile, Skipped, Split, printable_path, raise_if_passing

PROGRAM_FOLDERS = {  # in lower case; folders that begin with a dot are left out too
    "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot",  # network drives
    "__macosx", "$recycle.bin", "recycler", "system volume information", "lost+found",  # operating systems
}  # fmt: skip
HIDDEN = "hidden files"


@dataclass
class FolderImages:
    """The image files below a folder, and what is left out there."""

    files: list[ImageFile] = field(default_factory=list)
    """Sorted by name, as `undecodable` is."""
    undecodable: list[ImageFile] = field(default_factory=list)
    """Images in formats that cannot be decoded here."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Name of a folder that is left out, at any depth, or HIDDEN -> the number of image files in it."""
    skipped: list[Skipped] = field(default_factory=list)
    """The undecodable images, and folders that cannot be listed."""
    manifests: list[Path] = field(default_factory=list)
    """Files named manifest.csv, in any case."""

    def __add__(self, other: FolderImages) -> FolderImages:
        return FolderImages(
            *(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True))
        )


def is_left_out(folder: str) -> bool:
    """Whether a folder of this name belongs to a program, and holds no photographs of a person."""
    return folder.startswith(".") or folder.lower() in PROGRAM_FOLDERS


def find_images(root: Path, below: Path, split: Split | None = None, without: Collection[str] = ()) -> FolderImages:
    """The images below a folder, named by their paths below the root; links to folders are followed once.

    without: real paths of folders that are not entered.
    """
    found, seen = FolderImages(), {os.path.realpath(below), *without}
    start = len(os.path.join(root, ""))

    def cannot_be_listed(error: OSError) -> None:
        raise_if_passing(error, Path(error.filename))
        folder = printable_path(os.path.join(error.filename, "")[start:])
        found.skipped.append(Skipped(folder, f"cannot be listed ({error.strerror})"))

    for here, folders, files in os.walk(below, onerror=cannot_be_listed, followlinks=True):
        # os.walk enters the folders that are left in the list.
        names, folders[:] = sorted(folders), []
        for name in names:
            path = os.path.join(here, name)
            if is_left_out(name):
                found.left_out[f"{printable_path(name)}/"] += _count_images(path)
            elif (real := os.path.realpath(path)) not in seen:  # links can form a circle
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
    for files_found in (found.files, found.undecodable):
        files_found.sort(key=lambda file: file.name)
    found.skipped += [Skipped(file.name, UNDECODABLE[_suffix(file.name)]) for file in found.undecodable]
    found.left_out = +found.left_out  # drops folders that hold no image
    return found


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _count_images(folder: str) -> int:
    """The number of image files in a folder, at any depth; none is opened."""
    names = (name for _, _, files in os.walk(folder) for name in files)
    return sum(suffix in SUFFIXES or suffix in UNDECODABLE for suffix in map(_suffix, names))
