"""Peak memory of one call: of all that lives on the device, as CUDA's allocator says or as the tensors add up."""

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
    """Most bytes held at once while `call` runs, `alive` (weights, gradients, moments, batch) included.

    On CUDA: what the allocator's peak adds to `alive`, whatever else the process keeps there. Elsewhere: the storages
    of all tensors that operators return, which leaves out the scratch memory inside an operator.
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
    """What they hold together; views of one storage hold it once."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


class _Tracker(TorchDispatchMode):
    """Adds a storage when an operator first returns it and takes it off when it is freed."""

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
        weakref.finalize(storage, self._free, size).atexit = False

    def _free(self, size: int) -> None:
        self.now -= size


def forget_peak() -> None:
    """Begin anew, where the system can: a worker's earlier runs are not this one's."""
    with contextlib.suppress(OSError):
        CLEAR.write_text("5")


def peak_resident_bytes() -> int:
    """Most bytes of RAM at once."""
    try:
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
