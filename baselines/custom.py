"""Methods from outside the repository, `module:Class`: found, checked and fingerprinted, not imported."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path


def is_outside(method: str) -> bool:
    """Whether a method's name is a `module:Class`."""
    return ":" in method


def source_of(method: str) -> Path:
    """The file of `module:Class`, from the current folder or where Python looks. Raises ValueError in words."""
    module, _, name = method.partition(":")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    spec = _spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise ValueError(f"there is no module {module!r} here; run from the folder of {module}.py, or install it")
    path = Path(spec.origin)
    names = _top_level_names(path)
    if name not in names:
        raise ValueError(f"{path} has no {name!r}; it has {', '.join(sorted(names)) or 'nothing'}")
    return path


def _spec(module: str) -> ModuleSpec | None:
    """Where the module lies; its packages are looked through, but not run. Raises ValueError for a file in the current
    folder that goes by the name of an installed module, which Python would import in its place."""
    first, *rest = module.split(".")
    ours = PathFinder.find_spec(first, [os.getcwd()])
    try:
        theirs = importlib.util.find_spec(first) if first else None
    except (ImportError, ValueError):
        theirs = None
    if ours and ours.loader and theirs and theirs.loader and not _same(ours.origin, theirs.origin):
        raise ValueError(f"{ours.origin} has the name of the module in {theirs.origin}; rename it")
    spec = ours if ours and ours.loader else theirs
    for depth in range(len(rest)):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join([first, *rest[: depth + 1]]), list(spec.submodule_search_locations))
    return spec


def _same(one: str | None, other: str | None) -> bool:
    """Whether two origins are one file, which may be reached by a link."""
    if one and other and os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)
    return one == other


def fingerprint(method: str) -> str:
    """16 hex digits of the file's content, which so is part of a run's id; what the file imports is not."""
    return hashlib.sha256(source_of(method).read_bytes()).hexdigest()[:16]


def _top_level_names(path: Path) -> set[str]:
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path.name} cannot be read ({error})") from None
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names
