"""Allocator: what a training step frees stays with the process for the next step."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory for its next use; return whether it can.

    Every step of a training on a CPU makes and frees the same large tensors: gradients of embeddings, logits. By
    default glibc hands each back and asks the system for zeroed pages again, of which training on the Penn Treebank
    with 22.7M parameters took 36,000 a step and 10% of the time (``benchmarks/allocator.py``). The largest memory in
    use is the same; it is only kept. Other C libraries are left as they are, and so is a preloaded allocator.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, LARGEST))
