"""The shipped studies and searches, and the file that a path or the bare name of one stands for."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from bench.errors import InputError, is_file
from bench.study.yaml_lines import suggest

PACKAGE = Path(__file__).parents[1]
HOW = "`bench studies` lists the shipped ones; `bench studies copy NAME` copies one here for editing"


@cache
def shipped() -> dict[str, Path]:
    """Name -> file, the studies first. They lie inside an installed package, and beside it in a clone."""
    folders = (PACKAGE / "ablations", PACKAGE.parent / "ablations")
    root = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {path.stem: path for below in ("*.yaml", "search/*.yaml") for path in sorted(root.glob(below))}


def find_file(path: Path) -> Path | None:
    """The file that a path stands for; None if there is none.

    A bare name, without folder and suffix, stands for NAME.yaml in the current folder, else for the shipped file.
    """
    if is_file(path):
        return path
    if path.suffix or str(path) != path.name:
        return None
    here = path.with_name(f"{path.name}.yaml")
    return here if is_file(here) else shipped().get(path.name)


def resolve_file(path: Path) -> Path:
    """The file that a path stands for. Raises InputError, with the shipped names, where there is none.

    A path that exists and is no file is returned as it is: opening it says what is wrong.
    """
    if (file := find_file(path)) is not None:
        return file
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        known = list(shipped())
        is_shipped = path.stem in known
        hint = f"the shipped one is called {path.stem}" if is_shipped else suggest(path.stem, known, "shipped")
        raise InputError(f"{path}: cannot be read ({error.strerror}); {hint}; {HOW}") from None
    except ValueError as error:  # no file can have this name
        raise InputError(f"{path}: cannot be read ({error})") from None
    except OSError:
        pass
    return path


def reported_path(path: Path) -> Path:
    """The path that a report names, so that its command finds the file again: a bare name for a shipped file."""
    file = find_file(path)
    return path if file is None or file in shipped().values() else file
