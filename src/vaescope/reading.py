"""Files that any hand or any program may have made: JSON whatever its damage, and what is no file at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from vaescope.errors import UserError


def refuse_device(path: Path) -> None:
    """Refuse a device, a socket or a named pipe: it may have no end, or never begin; what does not exist passes.

    A pipe of the shell (``<(command)``, ``/dev/stdin``) is a file like others.

    Raises:
        UserError: it is one of these.

    >>> refuse_device(Path("/dev/zero"))
    Traceback (most recent call last):
    ...
    vaescope.errors.UserError: /dev/zero: a device or a pipe, not a file; give a file
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    named_pipe = stat.S_ISFIFO(mode) and path.parts[:2] not in (("/", "dev"), ("/", "proc"))
    if named_pipe or stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise UserError(f"{path}: a device or a pipe, not a file; give a file")


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: not JSON, not UTF-8, or nested so deeply that Python does not read it.

    >>> parse_json('{"step": 3}')
    {'step': 3}
    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ...
    ValueError: nested too deeply
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_json(file: Path) -> Any:
    """Return what a JSON file says.

    Raises:
        OSError: no such file, or one that cannot be read.
        UserError: a device or a pipe.
        ValueError: as ``parse_json``.
    """
    refuse_device(file)
    return parse_json(file.read_text(encoding="utf-8"))
