"""The most memory that this process has held, since it was last asked to begin anew."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


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
