"""What metrics work out of the targets alone: once for a data set in a process, for all runs and all validations."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

CPU_BYTES = 2**30
"""What a process keeps in main memory: 69 images of 256x256, at 15.5 MB each, of which ST-LPIPS's features are 11."""
SHARE_OF_GPU = 1 / 8

T = TypeVar("T")


@dataclass
class _Known:
    target: Tensor
    found: dict[Callable[[Tensor], Any], Any] = field(default_factory=dict)

    @property
    def kept_bytes(self) -> int:
        storages = [leaf.untyped_storage() for leaf in tree_leaves([self.target, *self.found.values()])]
        return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


class OncePerTarget:
    """Remembers what functions found in targets, up to so many bytes a device.

    Targets are told apart by content, every pixel of it: none is taken for another or for what it was before it was
    changed in place, and two tasks share what they have in common. A copy of each is kept for that.
    """

    def __init__(self, limit: Callable[[torch.device], int]) -> None:
        self.limit = limit
        self.known: dict[Hashable, _Known] = {}
        self.chance = random.Random(0)

    def __call__(self, work: Callable[[Tensor], T], target: Tensor) -> T:
        """work(target): a tensor or several, shared, so not to be changed in place.

        A function of the content alone: whatever the layout of `target`, `work` gets a contiguous copy.
        """
        key = (target.device, target.shape, _some_pixels(target))
        known = self.known.get(key)
        if known is None or not torch.equal(known.target, target):
            known = _Known(target.clone(memory_format=torch.contiguous_format))
        if work not in known.found:
            known.found[work] = work(known.target)
            self.known[key] = known
            self._make_room(key, target.device)
        found: T = known.found[work]
        return found

    def kept_bytes(self, device: torch.device) -> int:
        """What is kept on this device."""
        return sum(known.kept_bytes for known in self.known.values() if known.target.device == device)

    def _make_room(self, newest: Hashable, device: torch.device) -> None:
        """Forget by chance. A set that does not fit comes round in the same order: the least recently used would always
        be the one that is asked for next, and nothing would ever be found."""
        limit = self.limit(device)
        if self.known[newest].kept_bytes > limit:
            del self.known[newest]
        while self.kept_bytes(device) > limit:
            others = [key for key, known in self.known.items() if known.target.device == device and key != newest]
            del self.known[self.chance.choice(others)]


def _some_pixels(images: Tensor) -> tuple[float, ...]:
    """About 64 values from all over them: what equal images have in common, and others hardly ever."""
    values = images.reshape(-1)
    return tuple(values[:: values.numel() // 64 | 1].tolist())


def _limit(device: torch.device) -> int:
    if device.type != "cuda":
        return CPU_BYTES
    return int(torch.cuda.get_device_properties(device).total_memory * SHARE_OF_GPU)


of_target = OncePerTarget(_limit)
"""The one that the metrics share."""
