"""Which folders of a data set are its split, by their names; refused where a name may mean several things."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.data.files import ImageFile, spelled
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
    """Folders below the root."""

    train: str
    val: str
    rule: str


def role_of(name: str) -> Role | None:
    """What a folder's name, or a word of a manifest's column split, says; None: nothing that is clear."""
    return ROLES.get(name.strip().lower())


def find_split(root: Path) -> SplitFolders | None:
    """The folders of a given split, or None where no name speaks of one. Raises InputError where it is not clear."""
    folders = sorted(name for name in os.listdir(root) if os.path.isdir(root / name) and not is_left_out(name))
    if paired := [name for name in folders if PAIRED.fullmatch(name)]:
        raise _is_paired(root, paired)
    given: dict[Role, list[str]] = defaultdict(list)
    for name in folders:
        if role := role_of(name):
            given[role].append(name)
    for names in given.values():
        if len({os.path.realpath(root / name) for name in names}) > 1:
            raise InputError(
                f"data.path (--data): {root} has both {_list(names)}, and it is not clear which is meant; keep one of "
                "them there"
            )
    if not given:
        _check_alike(root, folders)
        return None
    held_out = given["val"] or given["test"]
    if not given["train"] or not held_out:
        missing = "val" if given["train"] else "train"
        name = (given["train"] or held_out)[0]
        raise InputError(
            f"data.path (--data): {root} has {spelled(name)}/ but no {missing}/; add {missing}/, or rename "
            f"{spelled(name)}/ to have the images split by content"
        )
    train, val = given["train"][0], held_out[0]
    instead = "" if given["val"] else ", which stands in for val/"
    return SplitFolders(train, val, f"the folders {spelled(train)}/ and {spelled(val)}/{instead}")


def check_deeper(root: Path, files: Sequence[ImageFile]) -> None:
    """Where none is at the root, a split that lies deeper is one too, and so is a paired set. Raises InputError."""
    inner: dict[str, set[str]] = defaultdict(set)  # folder -> the folders in it that hold images
    for here in {file.inside.rpartition("/")[0] for file in files}:
        while here:
            parent, _, name = here.rpartition("/")
            inner[parent].add(name)
            here = parent
    if {name.lower() for name in inner[""]} == {"a", "b"}:
        raise _is_paired(root, sorted(inner[""]))
    splits = []
    for parent, names in sorted(inner.items()):
        if paired := sorted(filter(PAIRED.fullmatch, names)):
            raise _is_paired(root / parent, paired)
        roles = {role_of(name) for name in names}
        if "train" in roles and roles & {"val", "test"}:
            splits.append(spelled(parent))
    if splits:
        more = f" (and {len(splits) - 1} more)" if splits[1:] else ""
        raise InputError(
            f"data.path (--data): {root} has no train/ and val/, but {splits[0]}/ in it has{more}; give that folder as "
            "data.path, or rename the folders there to have all images split by content"
        )


def _check_alike(root: Path, folders: Sequence[str]) -> None:
    """train2017/ and val2017/ speak of a split too. Raises InputError."""
    train, held_out = ([name for name in folders if words.search(name)] for words in (TRAIN, HELD_OUT))
    if train and held_out:
        raise InputError(
            f"data.path (--data): {root} has {_list([train[0], held_out[0]])}, which look like a split but are not "
            "called train/ and val/; rename them to these names, or to others to have the images split by content"
        )


def _is_paired(root: Path, names: Sequence[str]) -> InputError:
    return InputError(
        f"data.path (--data): {root} has {_list(names)}, which look like a set of pairs (A to B); no task takes pairs: "
        "give a folder of images of one kind, such as one of these, or rename them"
    )


def _list(names: Sequence[str]) -> str:
    return " and ".join(f"{spelled(name)}/" for name in names)
