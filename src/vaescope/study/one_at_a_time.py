"""One process at a time in a run folder, so that a study started twice harms nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vaescope.errors import UserError


@contextmanager
def one_at_a_time(folder: Path, *, wanted: bool = True) -> Iterator[None]:
    """Hold the folder until the end of the block; the system lets go of it when the process ends, however it ends.

    Args:
        folder: the run folder, which comes to be.
        wanted: of several processes of one run only the first holds it.

    Raises:
        UserError: another process holds it.
    """
    import fcntl

    if not wanted:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{folder}: another process carries out this run; wait for it, or end it") from error
        yield
    finally:
        os.close(descriptor)
