"""The command that every engine starts for a run, its log, and how to end it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

GRACE = 10.0
"""Seconds that a process has to exit by itself."""


def command(study: Path, name: str, *, gpus: int = 1) -> list[str]:
    """Return the command of one run of a resolved study, on several GPUs through torchrun.

    >>> command(Path("runs/study.yaml"), "vae_seed0", gpus=2)[1:]
    ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2', '-m',
     'vaescope', 'study', 'runs/study.yaml', '--only=vae_seed0']
    """
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={gpus}"] if gpus > 1 else []
    return [sys.executable, *launcher, "-m", "vaescope", "study", str(study), f"--only={name}"]


def log_file(study: Path, name: str) -> Path:
    """Return the log file of a run."""
    return study.parent / f"{name}.log"


def start(study: Path, name: str, *, gpus: int = 1, environment: dict[str, str] | None = None) -> subprocess.Popen:
    """Start a run as a new process group, which Ctrl-C at the terminal does not reach; its output is logged."""
    with log_file(study, name).open("ab") as log:
        return subprocess.Popen(
            command(study, name, gpus=gpus),
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(*processes: subprocess.Popen) -> None:
    """End runs and every process that they started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        alive = [process for process in processes if process.poll() is None]
        for process in alive:
            os.killpg(process.pid, sign)
        for process in alive:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
