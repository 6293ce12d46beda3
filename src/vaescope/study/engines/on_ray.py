"""Runs on the machines of a Ray cluster, which share the folder of the study and have vaescope installed."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from vaescope.errors import UserError
from vaescope.study.engines import command


class OnRay:
    """Ray tasks, each of which executes one run as a process; Ray schedules them.

    The cluster is that of ``RAY_ADDRESS`` or one that was started on this machine; else Ray starts one here.

    Args:
        study: the resolved study.
        jobs: how many runs at a time; by default as many as the cluster has room for.
        gpus: GPUs of each run; in a cluster without any, a run takes one CPU core.

    Raises:
        UserError: Ray is not installed, or no machine of the cluster has that many GPUs.
    """

    def __init__(self, study: Path, *, jobs: int | None = None, gpus: int = 1) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise UserError("--on ray needs Ray; install it with pip install 'vaescope[sweep]'") from error
        self._ray, self._study = ray, study.resolve()
        self._mine = not ray.is_initialized()
        if self._mine:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        most = max((int(node.get("GPU", 0)) for node in nodes), default=0)
        self._gpus = gpus if most or gpus > 1 else 0
        if self._gpus > most:
            raise UserError(f"no machine of the Ray cluster has {gpus} GPUs; lower --gpus-per-run")
        self.capacity = jobs or max(1, sum(_room(node, self._gpus) for node in nodes))
        self._task = ray.remote(num_cpus=1, num_gpus=self._gpus, max_retries=0)(_carry_out)
        self._running: dict[str, Any] = {}

    def start(self, name: str) -> None:
        """Submit a run to Ray."""
        self._running[name] = self._task.options(name=name).remote(self._study, name, self._gpus, Path.cwd())

    def ended(self) -> dict[str, int]:
        """Return the exit status of each run that ended since the last call."""
        if not self._running:
            return {}
        names = {reference: name for name, reference in self._running.items()}
        ready, _ = self._ray.wait(list(names), num_returns=len(names), timeout=0)
        return {names[reference]: self._status(names[reference]) for reference in ready}

    def _status(self, name: str) -> int:
        try:
            return int(self._ray.get(self._running.pop(name)))
        except self._ray.exceptions.RayError as error:
            with command.log_file(self._study, name).open("a", encoding="utf-8") as log:
                log.write(f"vaescope: Ray: {' '.join(str(error).split())}\n")
            return 1

    def stop(self) -> None:
        """End all runs, and the connection if this object opened it."""
        for reference in self._running.values():
            self._ray.cancel(reference)
        if self._running:
            self._ray.wait(list(self._running.values()), num_returns=len(self._running), timeout=2 * command.GRACE)
        self._running.clear()
        if self._mine:
            self._ray.shutdown()


def _room(node: dict[str, float], gpus: int) -> int:
    """Return how many runs a machine takes at a time."""
    cores = int(node.get("CPU", 0))
    return min(cores, int(node.get("GPU", 0)) // gpus) if gpus else cores


def _carry_out(study: Path, name: str, gpus: int, folder: Path) -> int:
    """Execute a run on the machine of the worker; the end of the task ends the run."""
    os.chdir(folder)
    process = command.start(study, name, gpus=gpus)
    try:
        return process.wait()
    finally:
        command.end(process)
