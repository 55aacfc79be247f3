"""Methods from outside the repository, `module:Class`: located, checked and fingerprinted without importing them."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path


def is_outside(method: str) -> bool:
    """Whether a method's name has the form `module:Class`."""
    return ":" in method


def source_of(method: str) -> Path:
    """The file of `module:Class`, in the current folder or on the import path. Raises ValueError with the reason."""
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
    """The module's spec, found without running its packages.

    Raises ValueError for a file in the current folder that has the name of an installed module, which Python would
    import in its place.
    """
    first, *rest = module.split(".")
    local = PathFinder.find_spec(first, [os.getcwd()])
    try:
        installed = importlib.util.find_spec(first) if first else None
    except (ImportError, ValueError):
        installed = None
    if local and local.loader and installed and installed.loader and not _is_same_file(local.origin, installed.origin):
        raise ValueError(f"{local.origin} has the name of the module in {installed.origin}; rename it")
    # A folder without __init__.py has a spec without a loader; an installed package goes before it.
    spec = local if local and local.loader else installed
    for depth in range(len(rest)):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join([first, *rest[: depth + 1]]), list(spec.submodule_search_locations))
    return spec


def _is_same_file(first: str | None, second: str | None) -> bool:
    """Whether two origins are the same file, also through links."""
    if first and second and os.path.exists(first) and os.path.exists(second):
        return os.path.samefile(first, second)
    return first == second


def fingerprint(method: str) -> str:
    """16 hex digits of the sha256 of the file, which is part of a run's id; the file's own imports are not."""
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
