"""How runs are executed, known before torch is: its import takes longer than a small run's first steps."""

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
"""Of a run's provenance: where two runs differ in one of these, their last bits may, and their speeds do."""
CPUINFO = Path("/proc/cpuinfo")
GPU_FILES = ("nvidia*", "nvhost*", "kfd", "dxg")
"""Under /dev, without which torch finds no GPU on Linux: NVIDIA's, Jetson's, AMD's, and that of WSL."""


@dataclass(frozen=True)
class Machine:
    """How runs are executed; nothing in it changes a run's id."""

    device: str = "cpu"
    threads: int = 1
    """Of each run, on the CPU. A run repeats bit by bit at the same number of threads."""
    checkpoint_seconds: float = 20.0
    cuda_graphs: bool = False
    """Replay training steps as CUDA graphs, where the method allows it."""
    hang_seconds: float = 1800.0
    """Without a sign of progress, after which a run is taken to hang."""
    command: str = ""
    """That was given, for the record."""


def resolve_device(name: str) -> str:
    """auto -> cuda or cpu. Raises InputError for a device that is not there."""
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
    """What resolve_device gives, and the device's name as run.json has it; without torch, where NVIDIA's own command
    says which cards there are. Raises InputError."""
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
    """What an x86 processor can do, in Linux's words; None where Linux does not say, or it is no Linux."""
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
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in said.splitlines() if line.strip()]


@functools.cache
def keep_freed_memory() -> None:
    """Once a process. Without it a run's speed depends on what ran before, since glibc's threshold moves with use."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return  # not glibc
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, -1)


def set_up(machine: Machine, keeps_memory: bool = True) -> torch.device:
    """Make this process compute as the machine says; with glibc's allocator as it is, if it is not to keep memory."""
    import torch

    device = torch.device(machine.device)
    if device.type == "cuda":
        cudnn: Any = torch.backends.cudnn  # mypy does not see what is inside
        cudnn.conv.fp32_precision = "ieee"  # fp32 is what it says; cuDNN's default is TF32
    else:
        torch.set_num_threads(machine.threads)
        if keeps_memory:
            keep_freed_memory()
    return device
