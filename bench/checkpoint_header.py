"""What a checkpoint says of itself, read without torch: the state of the training, and whether all of it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

from bench.checksums import tensors_sum

UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a file raises that is something else than it should be."""


def training_state(path: Path) -> dict[str, Any]:
    """The training's state; empty where there is no checkpoint that says it."""
    try:
        with open(path, "rb") as file:
            state: dict[str, Any] = json.loads(_header(file, path)["__metadata__"]["state"])
            return state
    except UNREADABLE:
        return {}


def is_whole(path: Path) -> bool:
    """Whether the content has the checksum in the header; True for a checkpoint of before there was one."""
    try:
        with open(path, "rb") as file:
            header = _header(file, path)
            body = memoryview(file.read())
        words = header.pop("__metadata__")
        named = [(name, tensor["shape"], body[slice(*tensor["data_offsets"])]) for name, tensor in header.items()]
        wanted, digest = str(words.get("sha256", "")), tensors_sum(words["state"], named)
        is_all_there = all(tensor["data_offsets"][1] <= len(body) for tensor in header.values())
    except UNREADABLE:
        return False
    return is_all_there and wanted in ("", digest)


def _header(file: BinaryIO, path: Path) -> dict[str, Any]:
    """Of a safetensors file: 8 bytes of the header's length, little-endian, then the header as JSON."""
    length = int.from_bytes(file.read(8), "little")
    header: dict[str, Any] = json.loads(file.read(min(length, path.stat().st_size)))
    return header
