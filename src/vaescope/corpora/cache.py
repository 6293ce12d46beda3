"""A cache folder for results that take seconds to compute from a large corpus, by a hash of their inputs."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger("vaescope")

WORTH = 10_000
"""Fewest texts whose result is cached; with fewer it is as fast to compute it again."""


def folder() -> Path:
    """Return the cache folder: ``VAESCOPE_CACHE``, or ``vaescope`` in the user's cache folder of the platform."""
    if given := os.environ.get("VAESCOPE_CACHE"):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "vaescope"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "vaescope"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vaescope"


def digest(texts: Iterable[str], *settings: object) -> str:
    """Return a hash of the texts (their order and boundaries count) and of the settings.

    >>> digest(["ab", "c"]) == digest(["a", "bc"])
    False
    """
    state = hashlib.sha256(repr(settings).encode())
    for text in texts:
        raw = text.encode()
        state.update(b"%d:" % len(raw))
        state.update(raw)
    return state.hexdigest()[:32]


def cached(file: str, make: Callable[[], T], write: Callable[[T, Path], None], read: Callable[[Path], T]) -> T:
    """Return the cached result that ``read`` reads from ``file``, or ``make`` it and ``write`` it there.

    An entry is complete or absent; a damaged one is computed again. If the cache cannot be written, the log says so and
    the result is returned all the same.
    """
    path = folder() / file
    if path.is_file():
        try:
            return read(path)
        except Exception as error:  # whatever is wrong with an entry, computing it again fixes it
            log.warning("%s: damaged cache entry (%s), made again", path, error)
    value = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
        try:
            write(value, Path(name))
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s: cannot write to the cache (%s); set VAESCOPE_CACHE to another folder", path, error)
    return value
