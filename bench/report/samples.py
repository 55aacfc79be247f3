"""The pictures that a run keeps in the store: arrays without pickle."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np

from bench.config import InputError
from bench.store import RunStore

NAMES = ("names", "input", "target", "prediction")


def read_samples(store: RunStore, run: dict[str, Any]) -> dict[str, np.ndarray] | None:
    """names (N,), input, target and prediction (N, H, W, 3) uint8; None where it kept none. Raises InputError."""
    path = store.folder(run["id"]) / "samples.npz"
    if run["state"] != "done" or not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in NAMES}
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: the pictures cannot be read ({why}); remove it, and the report goes without"
        ) from None
