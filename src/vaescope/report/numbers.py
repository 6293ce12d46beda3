"""The numbers of a comparison as CSV, in full precision."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vaescope.report.comparison import Comparison
from vaescope.report.pairs import against_reference, matched
from vaescope.report.seeds import Seeds
from vaescope.writing import whole_file

NUMBERS = ("run", "objective", "seed", "split", "estimate", "value", "se", "low", "high", "unit", "kind", "n")
SEEDS = ("run", "other", "quantity", "value", "se", "low", "high", "null", "unit", "kind", "n")
PAIRED = ("run", "against", "by", "quantity", "value", "se", "low", "high", "unit", "kind", "n")


def write_numbers(path: Path, comparison: Comparison) -> None:
    """Write one row per run and estimate."""
    _write(
        path,
        NUMBERS,
        (
            (run.name, run.label, run.seed, comparison.split, name, e.value, e.se, e.low, e.high, e.unit, e.kind, e.n)
            for run in comparison.runs
            for name, e in run.assessment.estimates.items()
        ),
    )


def write_paired(path: Path, comparison: Comparison) -> None:
    """Write one row per pair and quantity; ``by`` is what pairs them: the reference, or target and seed."""
    kinds = {"reference": against_reference(comparison), "target and seed": matched(comparison)}
    _write(
        path,
        PAIRED,
        (
            (d.run.name, d.against.name, by, d.quantity, d.value, d.se, d.low, d.high, "nats/text", d.kind, d.n)
            for by, pairs in kinds.items()
            for pair in pairs
            for d in pair
        ),
    )


def write_seeds(path: Path, found: Sequence[Seeds]) -> None:
    """Write one row per pair of seeds of one configuration and quantity."""
    rows = [
        (pair.one.name, pair.other.name, name, e.value, e.se, e.low, e.high, e.detail.get("null"), e.unit, e.kind, e.n)
        for pair in found
        for name, e in (("linear", pair.agreement.linear), ("units", pair.agreement.units))
    ]
    _write(path, SEEDS, rows)


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with whole_file(path) as new, new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Any) -> Any:
    """Return a number with all its digits; what is not known is an empty cell."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value) if isinstance(value, float) else value
