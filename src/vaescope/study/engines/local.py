"""Runs on this machine: several processes at a time, each with its own share of the GPUs and cores."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from vaescope.errors import UserError
from vaescope.study.engines.command import end, start


class Local:
    """Processes of this machine.

    Args:
        study: the resolved study.
        jobs: how many runs at a time.
        gpus: GPUs of each run; without GPUs, a run uses the CPU.
        devices: the available GPUs, as in ``CUDA_VISIBLE_DEVICES``.

    Raises:
        UserError: fewer GPUs than the runs at one time need.
    """

    def __init__(self, study: Path, *, jobs: int = 1, gpus: int = 1, devices: list[str] | None = None) -> None:
        self.capacity = jobs
        self._study, self._gpus = study, gpus
        self._shares = shares(_devices() if devices is None else devices, jobs=jobs, gpus=gpus)
        self._threads = str(max(1, (os.cpu_count() or 1) // jobs))
        self._running: dict[str, tuple[int, subprocess.Popen]] = {}

    def start(self, name: str) -> None:
        """Start a run in a free place."""
        place = min(set(range(self.capacity)) - {place for place, _ in self._running.values()})
        process = start(self._study, name, gpus=self._gpus, environment=self._environment(place))
        self._running[name] = (place, process)

    def _environment(self, place: int) -> dict[str, str]:
        environment = {} if self._shares is None else {"CUDA_VISIBLE_DEVICES": self._shares[place]}
        if self.capacity > 1 and "OMP_NUM_THREADS" not in os.environ:
            environment["OMP_NUM_THREADS"] = self._threads
        return environment

    def ended(self) -> dict[str, int]:
        """Return the exit status of each run that ended since the last call."""
        statuses = {name: process.poll() for name, (_, process) in self._running.items()}
        ended = {name: status for name, status in statuses.items() if status is not None}
        for name in ended:
            del self._running[name]
        return ended

    def stop(self) -> None:
        """End all runs."""
        end(*(process for _, process in self._running.values()))
        self._running.clear()


def shares(devices: list[str], *, jobs: int, gpus: int) -> list[str] | None:
    """Return the GPUs of each place for a run; without GPUs, None leaves the environment unchanged.

    If there are more runs than GPUs, runs of one GPU may share it.

    >>> shares(["0", "1"], jobs=3, gpus=1), shares(["0", "1", "2", "3"], jobs=2, gpus=2), shares([], jobs=2, gpus=1)
    (['0', '1', '0'], ['0,1', '2,3'], None)
    """
    if gpus == 0:
        return [""] * jobs
    if gpus == 1:
        return [devices[place % len(devices)] for place in range(jobs)] if devices else None
    if jobs * gpus > len(devices):
        raise UserError(
            f"--jobs {jobs} with --gpus-per-run {gpus} needs {jobs * gpus} GPUs, this machine has {len(devices)}; "
            "lower one of them"
        )
    return [",".join(devices[place * gpus : (place + 1) * gpus]) for place in range(jobs)]


def _devices() -> list[str]:
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [device for device in named.split(",") if device]
    return [str(device) for device in range(torch.cuda.device_count())]
