"""Checksums of a folder of weights, to detect damaged files before they are used."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vaescope.errors import UserError
from vaescope.reading import read_json
from vaescope.writing import write_json

FILE = "checksums.json"
CHANGING = (FILE, "README.md", "base.json")
"""Files that are not covered: the card changes when the model is assessed, ``base.json`` when base weights move."""


def write_checksums(folder: Path) -> None:
    """Write ``checksums.json`` with the SHA-256 of every other file in ``folder`` but the card."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in CHANGING)
    write_json(folder / FILE, {str(file.relative_to(folder)): _sha256(file) for file in files})


def verify_checksums(folder: Path, *, fix: str) -> None:
    """Check the files of a folder; a folder without checksums passes.

    Args:
        folder: a folder written with ``write_checksums``.
        fix: what the user can do about a damaged file.

    Raises:
        UserError: names the first file that is missing or has changed.
    """
    if not (folder / FILE).exists():
        return
    try:
        expected = dict(read_json(folder / FILE))
    except (ValueError, TypeError) as error:
        raise UserError(f"{folder / FILE}: damaged; {fix}") from error
    for name, digest in expected.items():
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: missing; {fix}")
        if _sha256(folder / name) != digest:
            raise UserError(f"{folder / name}: not what was written (its checksum differs); {fix}")


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
