"""The studies and searches that travel with the package, and what a path or a bare name of one means."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from bench.errors import InputError, is_file
from bench.study.yaml_lines import nearest

PACKAGE = Path(__file__).parents[1]
HOW = "`bench studies` says what those that are shipped ask; `bench studies copy NAME` puts one here to be edited"


@cache
def shipped() -> dict[str, Path]:
    """Name -> file, the studies first; they lie inside an installed package, and beside it in a clone."""
    folders = (PACKAGE / "ablations", PACKAGE.parent / "ablations")
    root = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {path.stem: path for below in ("*.yaml", "search/*.yaml") for path in sorted(root.glob(below))}


def find_file(path: Path) -> Path | None:
    """The file that is meant: one that lies here; for a bare name, without folder and ending, NAME.yaml here, or else
    the shipped one."""
    if is_file(path):
        return path
    if path.suffix or str(path) != path.name:
        return None
    here = path.with_name(f"{path.name}.yaml")
    return here if is_file(here) else shipped().get(path.name)


def resolve_file(path: Path) -> Path:
    """The file that is meant, or a path that is there and no file. Raises InputError that says where studies are."""
    if (found := find_file(path)) is not None:
        return found
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        known = list(shipped())
        same = f"the shipped one is called {path.stem}" if path.stem in known else nearest(path.stem, known, "shipped")
        raise InputError(f"{path}: cannot be read ({error.strerror}); {same}; {HOW}") from None
    except ValueError as error:  # no file could have this name
        raise InputError(f"{path}: cannot be read ({error})") from None
    except OSError:
        pass  # opening it will say what is wrong
    return path


def reported_path(path: Path) -> Path:
    """What a report calls it by, so that the same words find it again: a bare name where that means a shipped one."""
    found = find_file(path)
    return path if found is None or found in shipped().values() else found
