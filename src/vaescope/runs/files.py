"""Files that are either whole or absent, whenever the process is killed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to write to, which then takes the place of ``path``.

    A folder cannot replace a full one in one call, so a kill between the two calls leaves ``path`` absent
    for an instant of which ``.old`` is the witness; ``recover`` mends it.
    """
    new, old = path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    yield new
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def recover(path: Path) -> None:
    """Bring back the folder that a kill within ``whole_folder`` left aside."""
    old = path.with_name(f".{path.name}.old")
    if old.exists() and not path.exists():
        old.rename(path)


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON as a whole file or none."""
    write_text(path, json.dumps(content, indent=2) + "\n")
