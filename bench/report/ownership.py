"""Check that a report replaces nothing but an earlier report of the same study or search."""

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
IDENTITY = {"study": ("title", "claim", "hypotheses"), "search": ("title", "question", "space", "objectives")}
"""The fields that identify a study or search: no scale, data set or override changes them. Studies also have axes."""
ALL_DIFFERENT = 4  # number of identifying fields; a study has its axes as the fourth
FIX = "rename the file, name another folder with --reports, or remove that report"


def check_study(study: Study, folder: Path) -> None:
    """Check that a study may write its report to the folder. Raises InputError if the folder holds the report of a
    search or of another study: of another file with different fields, or of this file with no field in common."""
    check_free("study", study.path, describe(study), folder)


def check_free(kind: Kind, path: Path, about: dict[str, Any], folder: Path) -> None:
    """The same check for a study or a search; `about` describes it as its archive would. Raises InputError."""
    other = "search" if kind == "study" else "study"
    if (folder / (TRIALS if kind == "study" else ARCHIVE)).exists():
        raise InputError(f"{path}: {folder} holds the report of a {other} of this name; {FIX}")
    archive = folder / (ARCHIVE if kind == "study" else TRIALS)
    try:
        there = json.loads(archive.read_text(encoding="utf-8"))[kind]
        different = _differing_fields(kind, json.loads(json.dumps(about)), there)
        is_same_file = _is_file_of(there, path, folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{archive}: cannot be read ({error.strerror}), so it is unknown which study or search the report is of"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError):
        return  # a damaged archive is of no use: the new report replaces it
    if len(different) == ALL_DIFFERENT if is_same_file else different:
        raise InputError(
            f"{path}: {folder} holds the report of another {kind} of this name, {there.get('title')!r} "
            f"(`{there.get('command')}`), which differs in {', '.join(different)}; {FIX}"
        )


def _differing_fields(kind: Kind, here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """The identifying fields in which the two differ, at most ALL_DIFFERENT."""
    fields = [field for field in IDENTITY[kind] if here.get(field) != there.get(field)]
    ours, theirs = _varied_fields(here), _varied_fields(there)
    return [*fields, "axes"] if ours | theirs and not ours & theirs else fields


def _varied_fields(about: dict[str, Any]) -> set[str]:
    """The config fields in which variants differ. They may be fewer at another scale, so one in common is enough."""
    variants = [variant for variant in about.get("variants", []) if not variant.get("is_baseline")]
    return {path for variant in variants for path in variant.get("differences", {})}


def _is_file_of(there: dict[str, Any], path: Path, folder: Path) -> bool:
    """Whether the archive is of this file. Its path was relative to this folder or to the folder of the reports."""
    named = Path(there["path"] if "path" in there else shlex.split(there["command"])[2])
    places = (Path(), folder.absolute().parent.parent)
    ours = os.path.realpath(find_file(path) or path)
    return named == path or any(os.path.realpath(find_file(place / named) or place / named) == ours for place in places)
