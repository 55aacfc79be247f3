"""Reads a checkpoint without torch: the training state in its header, and whether the file is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

from bench.errors import reading
from bench.store.checksums import tensors_sum

MALFORMED = (ValueError, KeyError, TypeError, AttributeError)
"""Raised while parsing bytes that are not a checkpoint."""
MAX_HEADER = 100_000_000
"""Bytes; the limit of safetensors itself."""


def training_state(path: Path) -> dict[str, Any]:
    """The training state; empty without a checkpoint, or with a malformed one. Raises Unreadable."""
    try:
        with reading(path), open(path, "rb") as file:
            state: dict[str, Any] = json.loads(header(file)["__metadata__"]["state"])
            return state
    except (FileNotFoundError, *MALFORMED):
        return {}


def is_whole(path: Path) -> bool:
    """Whether the content has the checksum that its header states. Raises Unreadable."""
    try:
        with reading(path), open(path, "rb") as file:
            tensors = header(file)
            body = memoryview(file.read())
        words = tensors.pop("__metadata__")
        named = [(name, tensor["shape"], body[slice(*tensor["data_offsets"])]) for name, tensor in tensors.items()]
        is_as_written = words["sha256"] == tensors_sum(words["state"], named)
        is_all_there = all(tensor["data_offsets"][1] <= len(body) for tensor in tensors.values())
    except (FileNotFoundError, *MALFORMED):
        return False
    return bool(is_all_there and is_as_written)


def header(file: BinaryIO) -> dict[str, Any]:
    """The header of a safetensors file: its length in 8 bytes, little-endian, then JSON. Raises one of MALFORMED."""
    length = int.from_bytes(file.read(8), "little")
    content: dict[str, Any] = json.loads(file.read(min(length, MAX_HEADER)))
    return content
