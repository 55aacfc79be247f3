"""A cache of what metrics compute from targets alone: once a process, for all runs and all validations."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

CPU_BYTES = 2**30
"""Cached bytes in main memory: 69 images of 256x256 at 15.5 MB each, 11 MB of them for ST-LPIPS's features."""
SHARE_OF_GPU = 1 / 8  # of its memory

T = TypeVar("T")


@dataclass
class _Entry:
    target: Tensor
    results: dict[Callable[[Tensor], Any], Any] = field(default_factory=dict)

    @property
    def kept_bytes(self) -> int:
        storages = [leaf.untyped_storage() for leaf in tree_leaves([self.target, *self.results.values()])]
        return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


class OncePerTarget:
    """Caches the results of functions of targets, up to a number of bytes a device.

    Targets are identified by every pixel, for which a copy of each is kept. A target that is changed in place is a new
    target, and two tasks share the targets that they have in common.
    """

    def __init__(self, limit: Callable[[torch.device], int]) -> None:
        self.limit = limit
        self.entries: dict[Hashable, _Entry] = {}
        self.random = random.Random(0)

    def __call__(self, function: Callable[[Tensor], T], target: Tensor) -> T:
        """function(target), one or several tensors; callers share them and must not change them in place."""
        key = (target.device, target.shape, _some_pixels(target))
        entry = self.entries.get(key)
        if entry is None or not torch.equal(entry.target, target):
            # A contiguous copy, so that the result does not depend on the memory layout of the first caller's target.
            entry = _Entry(target.clone(memory_format=torch.contiguous_format))
        if function not in entry.results:
            entry.results[function] = function(entry.target)
            self.entries[key] = entry
            self._make_room(key, target.device)
        result: T = entry.results[function]
        return result

    def kept_bytes(self, device: torch.device) -> int:
        """Bytes cached on this device."""
        return sum(entry.kept_bytes for entry in self.entries.values() if entry.target.device == device)

    def _make_room(self, newest: Hashable, device: torch.device) -> None:
        # Evict at random. A data set that does not fit comes round in a fixed order, in which the least recently used
        # entry is always the next one needed, so that LRU would never hit.
        limit = self.limit(device)
        if self.entries[newest].kept_bytes > limit:
            del self.entries[newest]
        while self.kept_bytes(device) > limit:
            others = [key for key, entry in self.entries.items() if entry.target.device == device and key != newest]
            del self.entries[self.random.choice(others)]


def _some_pixels(images: Tensor) -> tuple[float, ...]:
    """About 64 values spread over the images, as a hash key: equal images share them, different ones hardly ever."""
    values = images.reshape(-1)
    return tuple(values[:: values.numel() // 64 | 1].tolist())


def _limit(device: torch.device) -> int:
    if device.type != "cuda":
        return CPU_BYTES
    return int(torch.cuda.get_device_properties(device).total_memory * SHARE_OF_GPU)


of_target = OncePerTarget(_limit)
"""The cache that all metrics share."""
