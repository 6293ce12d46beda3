"""Metrics: what a run logged, one JSON object per line of ``metrics.jsonl``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaescope.errors import UserError
from vaescope.reading import parse_json

TAIL = 64 * 1024
"""Bytes that ``last_lines`` reads from the end of the file: enough for several lines."""


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return all lines; the last one is left out if a kill has cut it.

    Raises:
        UserError: a line is damaged; the message has its number.
    """
    if not file.exists():
        return []
    raw = file.read_bytes().split(b"\n")
    found = []
    for number, text in enumerate(raw, start=1):
        line = _parsed(text)
        if line is not None:
            found.append(line)
        elif text.strip() and number < len(raw):
            raise UserError(f"{file}: line {number} is damaged; remove it")
    return found


def last_lines(file: Path) -> list[dict[str, Any]]:
    """Return the last complete lines of a file that a process may still be writing."""
    if not file.exists():
        return []
    with file.open("rb") as content:
        size = content.seek(0, 2)
        content.seek(max(0, size - TAIL))
        whole = content.read().split(b"\n")[:-1]
    lines = [_parsed(text) for text in (whole[1:] if size > TAIL else whole)]
    return [line for line in lines if line is not None]


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        line = parse_json(text)
    except ValueError:
        return None
    whole = isinstance(line, dict) and isinstance(line.get("step"), int) and _holds_numbers(line)
    return line if whole else None


def _holds_numbers(line: dict[str, Any]) -> bool:
    """Whether a line of training or of a validation holds numbers, or numbers by name, and nothing else."""
    if line.get("kind") not in ("train", "validation"):
        return True
    values = (value for name, value in line.items() if name != "kind")
    return all(all(map(_is_number, v.values())) if isinstance(v, dict) else _is_number(v) for v in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
