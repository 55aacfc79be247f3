"""Peak memory: of one call, from CUDA's allocator or from the sizes of all tensors; and of this process."""

from __future__ import annotations

import contextlib
import resource
import sys
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_bytes(call: Callable[[], Any], alive: Iterable[Tensor], device: torch.device) -> int:
    """Most bytes held at once while `call` runs, including `alive`: weights, gradients, moments, batch.

    On CUDA: `alive` plus the rise of the allocator's peak, so that other tensors of the process do not count.
    Elsewhere: the storages of all tensors that operators return, without the scratch memory inside operators.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before + storage_bytes(alive)
    tracker = _Tracker(alive)
    with tracker:
        call()
    return tracker.peak


def storage_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the tensors' storages; a storage with several views counts once."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


class _Tracker(TorchDispatchMode):
    """Adds a storage when an operator first returns it, and subtracts it when it is freed."""

    def __init__(self, alive: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now, self.peak = 0, 0
        self.seen: weakref.WeakSet[Any] = weakref.WeakSet()
        for tensor in alive:
            self._add(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._add(leaf)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self.seen:
            return
        self.seen.add(storage)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        # At exit there is nothing left to count, and the callbacks would only slow it down.
        weakref.finalize(storage, self._free, size).atexit = False

    def _free(self, size: int) -> None:
        self.now -= size


def reset_peak_resident_bytes() -> None:
    """Reset the process's peak where Linux allows it, so that a worker's earlier runs do not count."""
    # 5 resets VmHWM (man 5 proc).
    with contextlib.suppress(OSError):
        CLEAR.write_text("5")


def peak_resident_bytes() -> int:
    """The process's peak of resident memory, in bytes."""
    try:
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        # ru_maxrss is in bytes on macOS and in KiB elsewhere.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
