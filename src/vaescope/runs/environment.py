"""Environment: the versions and hardware of a run, so that it can be reproduced."""

from __future__ import annotations

import logging
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from vaescope.checks import fits
from vaescope.errors import UserError
from vaescope.reading import read_json
from vaescope.writing import write_json

log = logging.getLogger("vaescope")

PACKAGES = ("vaescope", "torch", "transformers", "accelerate", "cooper-optim", "tokenizers", "datasets", "numpy")
FILE = "environment.json"


def environment() -> dict[str, Any]:
    """Return versions, hardware, git revision, command and time."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "git": _git("rev-parse", "HEAD"),
        "git_changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def record_start(run: Path, step: int) -> None:
    """Record in ``environment.json`` the environment in which a run is started or resumed at ``step``.

    The file holds the environment of the first start, and under ``resumed`` a list with the step and the environment
    of each resume. A resume with other versions of Python or of a package is logged as a warning.
    """
    now, file = environment(), run / FILE
    if step == 0 or not file.exists():
        write_json(file, now)
        return
    first = read_environment(run)
    resumed = first.setdefault("resumed", [])
    changes = _changes(resumed[-1] if resumed else first, now)
    if changes:
        log.warning(
            "%s: resumed at step %d with other versions (%s); the last digits may differ", run, step, ", ".join(changes)
        )
    write_json(file, first | {"resumed": [*resumed, {"step": step, **now}]})


def read_environment(run: Path) -> dict[str, Any]:
    """Return the content of ``environment.json``; empty if there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    file = run / FILE
    try:
        content = read_json(file) if file.exists() else {}
    except ValueError as error:
        raise _damaged(file) from error
    packages = content.get("packages", {}) if isinstance(content, dict) else None
    if not isinstance(packages, dict) or not fits(content.get("resumed", []), list[dict]):
        raise _damaged(file)
    return content


def _damaged(file: Path) -> UserError:
    return UserError(f"{file}: damaged; remove it (it only says what the run was made with)")


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return packages whose version has changed, as ``torch 2.8.0 instead of 2.7.1``."""
    old = {"python": before.get("python"), **dict(before.get("packages", {}))}
    new = {"python": now["python"], **now["packages"]}
    return [f"{name} {new[name]} instead of {old[name]}" for name in new if old.get(name, new[name]) != new[name]]


def _git(*arguments: str) -> str | None:
    """Return the output of git in the folder of the package, or None outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
