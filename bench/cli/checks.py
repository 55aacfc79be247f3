"""What commands do before hours of work: read their arguments, check folders and devices, and speak on stderr."""

from __future__ import annotations

import os
import re
import shlex
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.errors import InputError, is_file
from bench.scales import ScaleName

if TYPE_CHECKING:
    from bench.study.study import Study


def say(text: str) -> None:
    """Print a line to stderr."""
    Console(stderr=True, soft_wrap=True, emoji=False).print(text, markup=False, highlight=False)


def say_advice(lines: Iterable[str]) -> None:
    """Print notes about the data, each once."""
    for line in dict.fromkeys(lines):
        say(f"note: {line}")


def split_arguments(arguments: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
    """Files or names, and overrides: what has an `=` in it is an override, unless a file is called that."""
    given = list(arguments)
    named = [argument for argument in given if "=" not in argument or is_file(argument)]
    return named, tuple(argument for argument in given if argument not in named)


def load_studies(
    arguments: Sequence[str],
    scale: ScaleName,
    data: str | None,
    may_be_empty: bool = False,
    max_runs: int | None = None,
) -> list[Study]:
    """Load the studies that the arguments name, with the overrides among them. Raises InputError."""
    from bench.study.load import load_study
    from bench.study.shipped import HOW
    from bench.study.variants import MAX_RUNS

    named, overrides = split_arguments(arguments)
    if not named and not may_be_empty:
        raise InputError(f"command line: no study; give a YAML file such as ablations/pooling.yaml, or a name; {HOW}")
    check_distinct(named, "studies")
    return [load_study(Path(name), scale, data, overrides, max_runs or MAX_RUNS) for name in named]


def check_distinct(files: Sequence[str | Path], kind: str) -> None:
    """Refuse files whose reports would share a folder. Raises InputError."""
    names = [Path(file).stem for file in files]
    # Some file systems do not tell upper from lower case, or one encoding of an accent from another.
    keys = [unicodedata.normalize("NFC", name).casefold() for name in names]
    repeated = [name for name, key in zip(names, keys, strict=True) if keys.count(key) > 1]
    if repeated:
        shown = " and ".join(dict.fromkeys(repeated))
        raise InputError(f"command line: several {kind} are named {shown}; their reports would overwrite each other")


def check_folder(option: str, path: Path) -> None:
    """Refuse a folder that cannot be written or made. Raises InputError."""
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError(f"{option} {path}: {existing} is not a folder that can be written")


def check_readable(option: str, path: Path) -> None:
    """Refuse a path that is there and not a folder. Raises InputError."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{option} {path}: is not a folder")


def known_device(name: str) -> str:
    """The name, if it is one of a device. Raises InputError."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise InputError(f"--device {name}: unknown; allowed: auto, cpu, cuda, cuda:N")
    return name


def parse_shard(text: str | None) -> tuple[int, int]:
    """I/N -> (I - 1, N): every N-th run from index I - 1 on; None stands for all runs. Raises InputError."""
    if text is None:
        return 0, 1
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f"--shard {text}: give I/N with I from 1 to N, such as 1/8")
    return int(match[1]) - 1, int(match[2])


def given_command() -> str:
    """The command line, for the record."""
    return shlex.join(["bench", *sys.argv[1:]])
