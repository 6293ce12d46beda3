"""A training process keeps the memory that its steps free."""

import os
import platform
import subprocess
import sys

import pytest

COUNT = """
import resource
import torch
from vaescope.model.kernels.allocator import keep_freed_memory
{call}
faults = []
for _ in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(10_000_000).sum().item()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(kept, sorted(faults)[10])
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator of glibc")


def run(call, **settings):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_") and k != "GLIBC_TUNABLES"}
    command = [sys.executable, "-c", COUNT.format(call=call)]
    done = subprocess.run(command, env=environment | settings, capture_output=True, text=True, check=True)
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


@glibc
def test_freed_memory_is_used_again_without_the_kernel():
    """40 MB are 10,000 pages of 4 KiB, or 20 of 2 MiB; the median of 20 times, as malloc takes new places at first."""
    kept, faults = run("kept = keep_freed_memory()")
    assert kept
    assert faults < 5
    _, before = run("kept = False")
    assert before > 10


@glibc
@pytest.mark.parametrize("setting", [{"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.check=0"}])
def test_an_allocator_that_the_user_has_set_is_left_alone(setting):
    assert not run("kept = keep_freed_memory()", **setting)[0]


def test_without_this_allocator_nothing_happens(monkeypatch):
    from vaescope.model.kernels.allocator import keep_freed_memory

    for name in list(os.environ):
        if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES":
            monkeypatch.delenv(name)
    monkeypatch.setattr("vaescope.model.kernels.allocator.ctypes.CDLL", lambda name: object())
    assert not keep_freed_memory()
