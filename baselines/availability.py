"""Whether a method can run on this machine: its authors' weights and its optional package; imports no torch."""

from __future__ import annotations

import importlib.util

from baselines.weights import base_of, weights_path

OPTIONAL_PACKAGES = {"patchmatch": ("patchmatch", "PyPatchMatch", "gan-bench[patchmatch]")}
"""Method -> the module that it imports, that module's distribution, and what to install."""


class MethodUnavailable(Exception):
    """A method cannot run on this machine; the message is the reason with the command that helps."""


def reason_unavailable(method: str) -> str | None:
    """Why the method cannot run here, with the command that helps; None if it can."""
    if (base := base_of(method)) and not weights_path(base).is_file():
        return f"weights not present; bring them with `bench baselines weights {base}`"
    if method in OPTIONAL_PACKAGES:
        module, distribution, extra = OPTIONAL_PACKAGES[method]
        if importlib.util.find_spec(module) is None:
            return f"{method} needs {distribution}: pip install '{extra}'"
    return None


def require_available(method: str) -> None:
    """Raises MethodUnavailable with the reason if the method cannot run here."""
    if reason := reason_unavailable(method):
        raise MethodUnavailable(reason)
