"""Memory: what the allocator does with the tensors that every step frees."""

from __future__ import annotations

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of the parameters in glibc's malloc.h."""


def keep_freed_memory() -> bool:
    """Let the allocator of a process on Linux keep what is freed, for tensors of the next step; return whether it does.

    By default glibc returns the largest tensors of a step to the kernel, which hands them out again page by page,
    filled with zeros: up to a tenth of a step on a CPU. The process then holds what it needed at most. A process whose
    environment already sets the allocator is left as it is, and where there is no glibc nothing happens.
    """
    if any(name == "GLIBC_TUNABLES" or (name.startswith("MALLOC_") and name.endswith("_")) for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(*set_to) for set_to in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1)))
