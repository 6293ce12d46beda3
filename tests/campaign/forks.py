"""Commands in forks of this process, which has imported everything: real processes, without the seconds of imports."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pkgutil
import resource
import shutil
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import psutil

import vaescope

PATIENCE = 60.0
"""Seconds after which a command is taken to hang; those in which it waited for a free processor do not count."""

MEMORY = 16 * 2**30
"""Bytes of addresses that a command may use, so that one which asks for too much harms no other process."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit status (minus the signal that killed it), what it printed, whether it was stopped.

    Attributes:
        seconds: its time without those in which it waited for a free processor.
    """

    status: int
    out: str
    err: str
    hung: bool
    seconds: float

    @property
    def lines(self) -> list[str]:
        """What was said, without what a validation and the end of a training warn of."""
        said = [line for line in self.err.splitlines() if line.strip()]
        return [line for line in said if not line.startswith(("warning: red flag", "warning: new: the constraint"))]


def preload() -> None:
    """Import what the commands import, before any fork."""
    import datasets  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import sklearn.neural_network  # noqa: F401
    import torch

    for module in pkgutil.walk_packages(vaescope.__path__, "vaescope."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    torch.set_num_threads(1)
    # a fork need not copy the pages of objects that no collection looks at
    gc.collect()
    gc.freeze()


def start(arguments: list[str], folder: Path, *, limits: dict[int, int] | None = None, before=None) -> int:
    """Fork a command in ``folder`` and return its process; it writes its output to ``.out`` and ``.err`` there."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    try:
        status = _child(arguments, folder, limits or {}, before)
    except BaseException:
        traceback.print_exc()
        status = 99
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def wait(process: int, folder: Path, patience: float = PATIENCE) -> Outcome:
    """Wait for a command; one that takes too long is killed and counts as hung."""
    began, seconds, hung = time.monotonic(), 0.0, False
    tree, looked, waited = [process], began, {process: 0.0}
    while True:
        if time.monotonic() - looked > 1:
            tree, looked = [process, *_descendants(process)], time.monotonic()
        for member in tree:
            waited[member] = max(waited.get(member, 0.0), _queued(member))
        ended, code = os.waitpid(process, os.WNOHANG)
        seconds = max(seconds, time.monotonic() - began - sum(waited.values()))
        if ended:
            break
        if seconds > patience and not hung:
            hung = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
        time.sleep(0.005)
    out, err = (
        (folder / name).read_text(encoding="utf-8", errors="replace") if (folder / name).is_file() else ""
        for name in (".out", ".err")
    )
    return Outcome(os.waitstatus_to_exitcode(code), out, err, hung, seconds)


def _descendants(process: int) -> list[int]:
    """The processes that a command has started: it may wait for them, as a study does."""
    with contextlib.suppress(psutil.Error):
        return [child.pid for child in psutil.Process(process).children(recursive=True)]
    return []


def _queued(process: int) -> float:
    """Seconds in which a process was ready and no processor was free: the load of the machine, not a hang."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def command(arguments: list[str], folder: Path, patience: float = PATIENCE, **options) -> Outcome:
    """Carry out a command in ``folder``."""
    return wait(start(arguments, folder, **options), folder, patience)


def _child(arguments: list[str], folder: Path, limits: dict[int, int], before) -> int:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    for number, name in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    os.environ |= {"COLUMNS": "200", "VAESCOPE_CACHE": str(folder / ".cache")}
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for limit, value in ({resource.RLIMIT_AS: MEMORY} | limits).items():
        resource.setrlimit(limit, (value, value))
    if before is not None:
        before()
    sys.argv = ["vaescope", *arguments]
    from vaescope.cli import main

    try:
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def remove(folder: Path) -> None:
    """Remove a folder whose rights a case may have taken away."""
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
