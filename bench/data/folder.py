"""A folder of images as a data set: its files, and the split and photographs that its maker declares."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.config import DataConfig
from bench.data.files import ImageFile, Split
from bench.data.manifest import Manifest, read_manifest
from bench.data.sources import Source, expand_root
from bench.data.split_folders import SplitFolders, check_deeper, find_split, role_of
from bench.data.walk import FolderImages, find_images
from bench.errors import InputError

BESIDE = "beside the folders of the split"


def folder(config: DataConfig) -> Source:
    """Every image below `config.path`, in the split of the folders, else of the manifest, else without a split.

    Raises InputError.
    """
    if config.path is None:
        raise InputError("data.path is not set, but data.name folder needs it; give the folder with --data PATH")
    root = expand_root(config.path)
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise InputError(f"data.path (--data): {root} {problem}; give a folder of images")
    try:
        split_folders = find_split(root)
    except OSError as error:
        raise InputError(f"data.path (--data): {root} cannot be listed ({error.strerror})") from None
    return _without_split_folders(root) if split_folders is None else _split_by_folders(root, split_folders)


def _without_split_folders(root: Path) -> Source:
    found = find_images(root, root)
    check_deeper(root, found.files)
    manifest = read_manifest(root, found.files + found.undecodable, found.manifests)
    if manifest and any(row.split for row in manifest.rows.values()):
        return _split_by_column(found, manifest)
    if len(found.files) < 2:
        count = f"only one image ({found.files[0].name})" if found.files else "no image"
        raise InputError(
            f"data.path (--data): {count} in {root}, but train and val need one each; "
            f"add images ({_search_words(found)})"
        )
    return _source(found.files, None, found, manifest)


def _split_by_folders(root: Path, split_folders: SplitFolders) -> Source:
    train, val = root / split_folders.train, root / split_folders.val
    found = FolderImages()
    parts: list[tuple[Path, Split]] = [(train, "train"), (val, "val")]
    for below, split in parts:
        part = find_images(root, below, split)
        if not part.files:
            raise InputError(f"data.path (--data): no image in {below}; {_search_words(part)}")
        found += part
    beside = find_images(root, root, without={os.path.realpath(train), os.path.realpath(val)})
    everything = found + beside
    manifest = read_manifest(root, everything.files + everything.undecodable, everything.manifests)
    found.left_out += beside.left_out
    # They are counted, so that a person sees which images are not used.
    for file in beside.files + beside.undecodable:
        top, slash, _ = file.name.partition("/")
        found.left_out[f"{top}/" if slash else BESIDE] += 1
    if manifest:
        _check_folders_agree(manifest, found.files)
        _check_apart(manifest, found.files)
    return _source(found.files, split_folders.rule, found, manifest)


def _split_by_column(found: FolderImages, manifest: Manifest) -> Source:
    """The split of the column `split`. Raises InputError where it is empty for an image, or holds another word."""
    roles: dict[str, str] = {}
    for name, row in manifest.rows.items():
        role = role_of(row.split)
        if row.split and role is None:
            raise InputError(
                f"data.path (--data): {manifest.path}: line {row.line}: the split {row.split!r} is none of train, val "
                "and test; write one of them, or give the column another name"
            )
        if role is not None:
            roles[name] = role
    if without := [file.name for file in found.files if file.name not in roles]:
        raise InputError(
            f"data.path (--data): {manifest.path} gives the split of some images, but not of {len(without)} of the "
            f"{len(found.files)}, such as {without[0]}; give it for all, or give the column another name"
        )
    held_out = "val" if "val" in roles.values() else "test"
    splits: dict[str, Split] = {"train": "train", held_out: "val"}
    if missing := next((role for role in splits if role not in roles.values()), None):
        missing = "val" if missing == "test" else missing
        raise InputError(f"data.path (--data): the column split of {manifest.path} has no {missing}; add it")
    used = [replace(file, split=splits[roles[file.name]]) for file in found.files if roles[file.name] in splits]
    if len(used) < len(found.files):
        found.left_out[f"test, as {manifest.path.name} says"] = len(found.files) - len(used)
    _check_apart(manifest, used)
    instead = ", whose test stands in for val" if held_out == "test" else ""
    return _source(used, f"the column split of {manifest.path.name}{instead}", found, manifest)


def _source(used: list[ImageFile], rule: str | None, found: FolderImages, manifest: Manifest | None) -> Source:
    source = Source(used, rule, left_out=dict(found.left_out), skipped=found.skipped)
    if manifest is None:
        return source
    listed = sum(file.name in manifest.rows for file in used)
    return replace(
        source,
        photographs=manifest.photographs,
        manifest=manifest.path.name,
        not_listed=len(used) - listed,
        unmatched=manifest.unmatched,
    )


def _check_folders_agree(manifest: Manifest, used: Sequence[ImageFile]) -> None:
    for file in used:
        row = manifest.rows.get(file.name)
        role = role_of(row.split) if row else None
        if row and role and (role == "train") != (file.split == "train"):
            raise InputError(
                f"data.path (--data): {manifest.path}: line {row.line}: {file.name} is in {row.split!r} by its row, "
                "but not by its folder; move the file, or correct the column split"
            )


def _check_apart(manifest: Manifest, used: Sequence[ImageFile]) -> None:
    """Raise InputError where crops of one photograph are in both splits: validation would see the training data."""
    photographs = manifest.photographs
    trained_on = {photographs[file.name] for file in used if file.split == "train" and file.name in photographs}
    for file in used:
        if file.split == "val" and photographs.get(file.name) in trained_on:
            raise InputError(
                f"data.path (--data): {manifest.path} says that {file.name} is cut from the photograph "
                f"{photographs[file.name]!r}, which is in train/ too; move all its crops into one split"
            )


def _search_words(found: FolderImages) -> str:
    """What was searched for, and which images could not be used."""
    words = "searched at any depth for jpg, png, webp, tif and all else that Pillow opens, without hidden files"
    if found.left_out:
        words += f"; left out: {found.left_out.total()} in {', '.join(sorted(found.left_out))}"
    if found.skipped:
        first = found.skipped[0]
        words += f"; skipped: {len(found.skipped)}, such as {first.name}: {first.reason}"
    return words
