"""The folders of a data set that are its split, by their names; ambiguous names are refused."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.data.files import ImageFile, printable_path
from bench.data.walk import is_left_out
from bench.errors import InputError

Role = Literal["train", "val", "test"]
ROLES: dict[str, Role] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
PAIRED = re.compile(r"(train|val|valid|validation|test)[ ._-]?[ab]", re.IGNORECASE)
TRAIN, HELD_OUT = (
    re.compile(rf"(?<![a-z])({words})(set|data|imgs?|images?|photos?)?(?![a-z])", re.IGNORECASE)
    for words in ("train|training", "val|valid|validation|test|testing")
)


@dataclass(frozen=True)
class SplitFolders:
    """The names of the folders of train and val, and the rule of the split in words."""

    train: str
    val: str
    rule: str


def role_of(name: str) -> Role | None:
    """The split that a folder's name, or a word of a manifest's column split, stands for; None if unclear."""
    return ROLES.get(name.strip().lower())


def find_split(root: Path) -> SplitFolders | None:
    """The folders of the split, or None where no name stands for one. Raises InputError where it is not clear."""
    folders = sorted(name for name in os.listdir(root) if os.path.isdir(root / name) and not is_left_out(name))
    if paired := [name for name in folders if PAIRED.fullmatch(name)]:
        raise _paired_error(root, paired)
    by_role: dict[Role, list[str]] = defaultdict(list)
    for name in folders:
        if role := role_of(name):
            by_role[role].append(name)
    for names in by_role.values():
        if len({os.path.realpath(root / name) for name in names}) > 1:
            raise InputError(
                f"data.path (--data): {root} has both {_list(names)}, which mean the same; keep one of them there"
            )
    if not by_role:
        _check_similar_names(root, folders)
        return None
    held_out = by_role["val"] or by_role["test"]
    if not by_role["train"] or not held_out:
        missing = "val" if by_role["train"] else "train"
        name = (by_role["train"] or held_out)[0]
        raise InputError(
            f"data.path (--data): {root} has {printable_path(name)}/ but no {missing}/; add {missing}/, or rename "
            f"{printable_path(name)}/ to have the images split by content"
        )
    train, val = by_role["train"][0], held_out[0]
    instead = "" if by_role["val"] else ", which stands in for val/"
    return SplitFolders(train, val, f"the folders {printable_path(train)}/ and {printable_path(val)}/{instead}")


def check_deeper(root: Path, files: Sequence[ImageFile]) -> None:
    """Raise InputError where the root has no split, but folders below it look like a split or like a set of pairs."""
    inner: dict[str, set[str]] = defaultdict(set)  # folder -> the folders in it that hold images
    for here in {file.inside.rpartition("/")[0] for file in files}:
        # Every folder on the way to an image counts, not only the one that holds it.
        while here:
            parent, _, name = here.rpartition("/")
            inner[parent].add(name)
            here = parent
    if {name.lower() for name in inner[""]} == {"a", "b"}:
        raise _paired_error(root, sorted(inner[""]))
    splits = []
    for parent, names in sorted(inner.items()):
        if paired := sorted(filter(PAIRED.fullmatch, names)):
            raise _paired_error(root / parent, paired)
        roles = {role_of(name) for name in names}
        if "train" in roles and roles & {"val", "test"}:
            splits.append(printable_path(parent))
    if splits:
        more = f" (and {len(splits) - 1} more)" if splits[1:] else ""
        raise InputError(
            f"data.path (--data): {root} has no train/ and val/, but {splits[0]}/ in it has{more}; give that folder as "
            "data.path, or rename the folders there to have all images split by content"
        )


def _check_similar_names(root: Path, folders: Sequence[str]) -> None:
    """Raise InputError for names such as train2017/ and val2017/, which look like a split and are none here."""
    train, held_out = ([name for name in folders if words.search(name)] for words in (TRAIN, HELD_OUT))
    if train and held_out:
        raise InputError(
            f"data.path (--data): {root} has {_list([train[0], held_out[0]])}, which look like a split but are not "
            "called train/ and val/; rename them to these names, or to others to have the images split by content"
        )


def _paired_error(root: Path, names: Sequence[str]) -> InputError:
    return InputError(
        f"data.path (--data): {root} has {_list(names)}, which look like a set of pairs (A to B); no task takes pairs: "
        "give a folder of images of one kind, such as one of these, or rename them"
    )


def _list(names: Sequence[str]) -> str:
    return " and ".join(f"{printable_path(name)}/" for name in names)
