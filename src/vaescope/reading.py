"""JSON that any hand or any program may have damaged: whatever is wrong with it is a ``ValueError``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


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
        ValueError: as ``parse_json``.
    """
    return parse_json(file.read_text(encoding="utf-8"))
