"""Any folder of images as a data set: its files, and the split and the photographs that its maker declared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.config import DataConfig
from bench.data.files import ImageFile, Split
from bench.data.manifest import Manifest, read_manifest
from bench.data.sources import Source, root_of
from bench.data.split_folders import SplitFolders, check_deeper, find_split, role_of
from bench.data.walk import Found, images_below
from bench.errors import InputError

BESIDE = "beside the folders of the split"


def folder(config: DataConfig) -> Source:
    """Every image below `config.path`: in the split of its folders, else of its manifest, else with none. Raises
    InputError."""
    if config.path is None:
        raise InputError("data.path is not set, and data.name folder needs it; give the folder with --data PATH")
    root = root_of(config.path)
    if not root.is_dir():
        wrong = "is not a folder" if root.exists() else "does not exist"
        raise InputError(f"data.path (--data): {root} {wrong}; give a folder of images")
    try:
        given = find_split(root)
    except OSError as error:
        raise InputError(f"data.path (--data): {root} cannot be listed ({error.strerror})") from None
    return _unsplit(root) if given is None else _split_by_folders(root, given)


def _unsplit(root: Path) -> Source:
    found = images_below(root, root)
    check_deeper(root, found.files)
    manifest = read_manifest(root, found.files + found.undecodable, found.manifests)
    if manifest and any(row.split for row in manifest.rows.values()):
        return _split_by_column(root, found, manifest)
    if len(found.files) < 2:
        have = f"only one image ({found.files[0].name})" if found.files else "no image"
        raise InputError(
            f"data.path (--data): {have} in {root}, and train and val need one each; add images ({_looked_for(found)})"
        )
    return _source(found.files, None, found, manifest)


def _split_by_folders(root: Path, given: SplitFolders) -> Source:
    train, val = root / given.train, root / given.val
    found = Found()
    parts: list[tuple[Path, Split]] = [(train, "train"), (val, "val")]
    for below, split in parts:
        part = images_below(root, below, split)
        if not part.files:
            raise InputError(f"data.path (--data): no image in {below}; {_looked_for(part)}")
        found += part
    beside = images_below(root, root, without={os.path.realpath(train), os.path.realpath(val)})
    everything = found + beside
    manifest = read_manifest(root, everything.files + everything.undecodable, everything.manifests)
    found.left_out += beside.left_out
    for file in beside.files + beside.undecodable:
        top, slash, _ = file.name.partition("/")
        found.left_out[f"{top}/" if slash else BESIDE] += 1
    if manifest:
        _check_folders_agree(manifest, found.files)
        _check_apart(manifest, found.files)
    return _source(found.files, given.rule, found, manifest)


def _split_by_column(root: Path, found: Found, manifest: Manifest) -> Source:
    """As the column `split` says. Raises InputError where it says nothing of an image, or something else."""
    said: dict[str, str] = {}
    for name, row in manifest.rows.items():
        role = role_of(row.split)
        if row.split and role is None:
            raise InputError(
                f"data.path (--data): {manifest.path}: line {row.line}: the split {row.split!r} is none of train, val "
                "and test; write one of them, or give the column another name"
            )
        if role is not None:
            said[name] = role
    if silent := [file.name for file in found.files if file.name not in said]:
        raise InputError(
            f"data.path (--data): {manifest.path} says the split of some images, but not of {len(silent)} of the "
            f"{len(found.files)}, such as {silent[0]}; say it of all, or give the column another name"
        )
    held_out = "val" if "val" in said.values() else "test"
    splits: dict[str, Split] = {"train": "train", held_out: "val"}
    if lacking := next((role for role in splits if role not in said.values()), None):
        lacking = "val" if lacking == "test" else lacking
        raise InputError(f"data.path (--data): the column split of {manifest.path} has no {lacking}; add it")
    used = [replace(file, split=splits[said[file.name]]) for file in found.files if said[file.name] in splits]
    if len(used) < len(found.files):
        found.left_out[f"test, as {manifest.path.name} says"] = len(found.files) - len(used)
    _check_apart(manifest, used)
    instead = ", whose test stands in for val" if held_out == "test" else ""
    return _source(used, f"the column split of {manifest.path.name}{instead}", found, manifest)


def _source(used: list[ImageFile], rule: str | None, found: Found, manifest: Manifest | None) -> Source:
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
                f"data.path (--data): {manifest.path}: line {row.line}: {file.name} is in {row.split!r}, and lies in "
                "another folder; move the file, or mend the column split"
            )


def _check_apart(manifest: Manifest, used: Sequence[ImageFile]) -> None:
    """Crops of one photograph in both splits would let validation see what was trained on."""
    photographs = manifest.photographs
    seen = {photographs[file.name] for file in used if file.split == "train" and file.name in photographs}
    for file in used:
        if file.split == "val" and photographs.get(file.name) in seen:
            raise InputError(
                f"data.path (--data): {manifest.path} says that {file.name} is of the photograph "
                f"{photographs[file.name]!r}, which is in train/ too; move it to one of the two"
            )


def _looked_for(found: Found) -> str:
    """What was looked for, and what was found of it that is no use."""
    words = "looked at any depth for jpg, png, webp, tif and all else that Pillow opens, hidden ones left out"
    if found.left_out:
        words += f"; left out: {found.left_out.total()} in {', '.join(sorted(found.left_out))}"
    if found.skipped:
        first = found.skipped[0]
        words += f"; skipped: {len(found.skipped)}, such as {first.name}: {first.reason}"
    return words
