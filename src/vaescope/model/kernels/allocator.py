"""Allocator: keep freed memory in the process instead of returning it to the kernel."""

from __future__ import annotations

import ctypes
import os

from vaescope.model.kernels.switch import is_plain

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of these parameters in glibc's malloc.h."""


def keep_freed_memory() -> bool:
    """Let the allocator of a process on Linux keep freed memory for the next step; return whether it does.

    By default (the plain form) glibc returns the largest tensors of a step to the kernel, which hands them out again
    page by page, filled with zeros: up to a tenth of a step on a CPU. With this call the process holds its peak memory
    until it ends. Nothing changes where the environment already sets the allocator, or where there is no glibc.
    """
    if is_plain():
        return False
    if any(name == "GLIBC_TUNABLES" or (name.startswith("MALLOC_") and name.endswith("_")) for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(*set_to) for set_to in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1)))
