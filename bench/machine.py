"""The machine that runs are executed on: device, threads, memory allocator.

torch is imported inside functions only: `bench plan` and `bench report` do without it.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError

if TYPE_CHECKING:
    import torch

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h

MAKE = ("torch", "cuda", "device", "threads", "determinism")
"""Fields of a run's provenance. Runs that differ in one of them may differ in their last bits, and do in speed."""
CPUINFO = Path("/proc/cpuinfo")
GPU_FILES = ("nvidia*", "nvhost*", "kfd", "dxg")
"""Files under /dev, one of which every GPU on Linux has: NVIDIA's, Jetson's, AMD's, WSL's."""


@dataclass(frozen=True)
class Machine:
    """How runs are executed; nothing in it changes a run's id."""

    device: str = "cpu"
    threads: int = 1
    """Threads of each run on the CPU. With the same number of threads a run repeats bit by bit."""
    checkpoint_seconds: float = 20.0
    """Seconds between checkpoints."""
    cuda_graphs: bool = False
    """Whether training steps are replayed as CUDA graphs, where the method allows it."""
    hang_seconds: float = 1800.0
    """Seconds without progress after which a run counts as hung."""
    command: str = ""
    """The command line, for run.json."""


def resolve_device(name: str) -> str:
    """auto -> cuda or cpu. Raises InputError for a device that this machine lacks."""
    if name == "cpu" or (name == "auto" and _has_no_gpu()):
        return "cpu"
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {name}: {str(error).splitlines()[0]}") from None
    return name


def _has_no_gpu() -> bool:
    return sys.platform == "linux" and not any(any(Path("/dev").glob(name)) for name in GPU_FILES)


def device_and_name(name: str) -> tuple[str, str]:
    """The device that `resolve_device` gives, and its name in run.json; without importing torch if nvidia-smi lists the
    cards. Raises InputError."""
    if name == "cpu" or (name == "auto" and _has_no_gpu()):
        return "cpu", processor_name()
    index = int(name.partition(":")[2] or 0)
    cards = [] if "CUDA_VISIBLE_DEVICES" in os.environ else _cards()
    if index < len(cards):
        return "cuda" if name == "auto" else name, cards[index]
    device = resolve_device(name)
    if device == "cpu":
        return device, processor_name()
    import torch

    return device, torch.cuda.get_device_name(device)


def processor_flags(file: Path | None = None) -> frozenset[str] | None:
    """The instruction sets of an x86 processor, in Linux's words; None if unknown, as on other systems."""
    try:
        lines = (file or CPUINFO).read_text().splitlines()
        return frozenset(next(line.split(":", 1)[1] for line in lines if line.startswith("flags")).split())
    except (OSError, StopIteration):
        return None


def processor_name() -> str:
    """The processor's name, with its number of cores."""
    try:
        lines = CPUINFO.read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"CPU {model}, {os.cpu_count()} cores"


def _cards() -> list[str]:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in output.splitlines() if line.strip()]


@functools.cache
def keep_freed_memory() -> None:
    """Have glibc's malloc keep freed memory, once a process. Else a run's speed depends on the runs before it, since
    use moves the threshold at which memory goes back to the system."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return  # not glibc
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, -1)


def set_up(machine: Machine, keeps_memory: bool = True) -> torch.device:
    """Make this process compute as the machine says; gives the device. keeps_memory: see `keep_freed_memory`."""
    import torch

    device = torch.device(machine.device)
    if device.type == "cuda":
        cudnn: Any = torch.backends.cudnn  # its attributes have no types
        cudnn.conv.fp32_precision = "ieee"  # cuDNN's default is TF32, which is less precise than fp32
    else:
        torch.set_num_threads(machine.threads)
        if keeps_memory:
            keep_freed_memory()
    return device
