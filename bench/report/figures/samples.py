"""The sample pictures of a run in the store, stored as arrays without pickle."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.store.run_store import RunStore

NAMES = ("names", "input", "target", "prediction")


def read_samples(store: RunStore, run: dict[str, Any]) -> dict[str, np.ndarray] | None:
    """names (N,); input, target and prediction (N, H, W, 3) uint8. None where the run kept none, or where the file does
    not match its checksum, which the next `bench run` repairs. Raises InputError."""
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
            f"{path}: the pictures cannot be read ({why}); remove the file to report without them"
        ) from None
