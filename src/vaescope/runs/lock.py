"""One process at a time in a run folder: a lock that the system releases when the process ends, however it ends."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vaescope.errors import UserError, explained

log = logging.getLogger("vaescope")

_held: set[Path] = set()
"""Folders that this process has locked, so that nested blocks do not wait for themselves."""


@contextmanager
def one_at_a_time(folder: Path, *, wanted: bool = True) -> Iterator[None]:
    """Lock a run folder until the end of the block.

    The folder is created if it does not exist, and removed again if it is empty at the end: what fails at its start
    leaves nothing.

    Args:
        folder: the run folder.
        wanted: False for all processes of a run but the first.

    Raises:
        UserError: another process holds it, or it cannot be created.
    """
    place = folder.absolute()
    if not wanted or place in _held:
        yield
        return
    created = _create(folder)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, folder)
        _held.add(place)
        yield
    finally:
        _held.discard(place)
        os.close(descriptor)
        for path in created:
            with suppress(OSError):
                path.rmdir()


def _create(folder: Path) -> list[Path]:
    """Create a folder and its parents; return those that did not exist, the innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(explained(error) or f"{folder}: {error}") from error
    return missing


def _lock(descriptor: int, folder: Path) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(f"{folder}: another process works in this folder; wait for it, or end it") from error
    except OSError as error:
        log.warning("%s: this file system has no locks (%s); do not start the run twice", folder, error.strerror)
