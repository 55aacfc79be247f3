"""Tell glibc to keep freed memory: by default every large temporary is mapped, page-faulted and unmapped again."""

from __future__ import annotations

import ctypes
import functools

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


@functools.cache
def keep_freed_memory() -> None:
    """Once a process. Without it a run's speed depends on what ran before, since glibc's threshold moves with use."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return  # not glibc
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, -1)
