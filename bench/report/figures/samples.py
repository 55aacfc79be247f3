"""The pictures that a run keeps in the store: arrays without pickle."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.store.run_store import RunStore

NAMES = ("names", "input", "target", "prediction")


def read_samples(store: RunStore, run: dict[str, Any]) -> dict[str, np.ndarray] | None:
    """names (N,), input, target and prediction (N, H, W, 3) uint8; None where it kept none, or they are not what was
    written, which the next `bench run` mends. Raises InputError."""
    path = store.folder(run["id"]) / "samples.npz"
    content = store.sums(run["id"]).read("samples.npz") if run["state"] == "done" else None
    if content is None:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in NAMES}
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: the pictures cannot be read ({why}); remove it, and the report goes without"
        ) from None
