"""Checks of the metadata of Draws: what diagnostics read from it must be numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vaescope.errors import UserError

NUMBERS = ("entropy", "label_ceiling")


def check(metadata: Mapping[str, Any]) -> None:
    """Raise a UserError for the first entry that a diagnostic could not read.

    >>> check({"entropy": 9.5, "model": "anything else is only passed on"})
    """
    for name in NUMBERS:
        if name in metadata and not is_number(metadata[name]):
            raise UserError(f"metadata '{name}': expected a finite number, found {metadata[name]!r}")
    multipliers = metadata.get("multipliers", {})
    if not isinstance(multipliers, Mapping):
        raise UserError(f"metadata 'multipliers': expected numbers by constraint, found {multipliers!r}")
    for constraint, given in multipliers.items():
        values = given if isinstance(given, list | tuple) else [given]
        if not values or not all(map(is_number, values)):
            raise UserError(f"metadata 'multipliers', '{constraint}': expected one or more numbers, found {given!r}")


def is_number(value: Any) -> bool:
    """Return whether a value of the metadata is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
