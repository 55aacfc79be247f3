"""Whether a report folder is free: it holds nothing yet, or an earlier report of the same study or search."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any, Literal

from bench.errors import InputError
from bench.report.analysis.archive import ARCHIVE, TRIALS
from bench.report.analysis.frames import describe
from bench.study.shipped import find_file
from bench.study.study import Study

Kind = Literal["study", "search"]
ASKS = {"study": ("title", "claim", "hypotheses"), "search": ("title", "question", "space", "objectives")}
"""What no scale, data or override changes; of studies the axes too."""
FIX = "rename the file, name another folder with --reports, or remove that one"


def check_study(study: Study, folder: Path) -> None:
    """Before a study's report is written to the folder. Raises InputError if it would replace that of a search, or of
    another study: one of another file that asks something else, or of this file when it had nothing in common."""
    check_free("study", study.path, describe(study), folder)


def check_free(kind: Kind, path: Path, about: dict[str, Any], folder: Path) -> None:
    """The same for either. about: the study or search as its archive describes it. Raises InputError."""
    other = "search" if kind == "study" else "study"
    if (folder / (TRIALS if kind == "study" else ARCHIVE)).exists():
        raise InputError(f"{path}: {folder} holds the report of a {other} of this name; {FIX}")
    archive = folder / (ARCHIVE if kind == "study" else TRIALS)
    try:
        there = json.loads(archive.read_text(encoding="utf-8"))[kind]
        unlike, same_file = _unlike(kind, json.loads(json.dumps(about)), there), _is_file_of(there, path, folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{archive}: cannot be read ({error.strerror}), so whose report it is cannot be told"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError):
        return  # it is broken, and is written anew
    if len(unlike) == 4 if same_file else unlike:
        raise InputError(
            f"{path}: {folder} holds the report of another {kind} of this name, {there.get('title')!r} "
            f"(`{there.get('command')}`), which differs in {', '.join(unlike)}; {FIX}"
        )


def _unlike(kind: Kind, here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """In what the two differ, four things at most."""
    found = [part for part in ASKS[kind] if here.get(part) != there.get(part)]
    ours, theirs = _varied(here), _varied(there)
    return [*found, "axes"] if ours | theirs and not ours & theirs else found


def _varied(about: dict[str, Any]) -> set[str]:
    """The config fields in which variants differ. At another scale some may not: what is in common counts."""
    variants = [variant for variant in about.get("variants", []) if not variant.get("is_baseline")]
    return {path for variant in variants for path in variant.get("differences", {})}


def _is_file_of(there: dict[str, Any], path: Path, folder: Path) -> bool:
    """Whether the archive is of this file, as it was called from here or from where the reports lie."""
    called = Path(there["path"] if "path" in there else shlex.split(there["command"])[2])
    places = (Path(), folder.absolute().parent.parent)
    ours = os.path.realpath(find_file(path) or path)
    return called == path or any(
        os.path.realpath(find_file(place / called) or place / called) == ours for place in places
    )
