"""Random numbers that depend on (seed, step) alone, for methods that need some while they learn or start."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(device: torch.device, *key: int | str) -> Iterator[None]:
    """Inside, torch's own random numbers are a function of the key; outside, they go on as if nothing had been drawn.

    A method that uses dropout or noise wraps its update in seeded(device, config.seed, progress.step): a run that is
    killed and resumed then draws what it would have drawn.
    """
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        yield
