"""Estimates and findings as the strings of a table: numbers with their errors, the worst verdict first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaescope.assessment.assessment import Assessment
    from vaescope.estimators.estimate import Estimate

RELATION = {"lower": "≥ ", "upper": "≤ "}
"""The relation of the truth to an estimate that bounds it."""


@dataclass(frozen=True)
class Column:
    """A column of the comparison: an estimate, its heading and a short explanation."""

    estimate: str
    title: str
    hint: str


COLUMNS = (
    Column("rate", "rate R", "KL(q(z|x) ‖ p(z)), nats per text"),
    Column("distortion", "distortion D", "−E log p(x|z), nats per text"),
    Column("elbo", "ELBO", "−(R + D), nats per text"),
    Column("log_likelihood", "log p(x)", "importance-weighted lower bound, nats per text"),
    Column("mutual_information", "I(X;Z)", "information that z carries about x, nats"),
    Column("marginal_kl", "KL(q(z) ‖ p(z))", "aggregate posterior against the prior, nats"),
    Column("active_units", "active units", "latent units that depend on the text"),
    Column("joint_inconsistency", "R + D − H", "KL(q(x,z) ‖ p(x,z)), nats per text"),
)


def number(value: float) -> str:
    """Return a number with the digits that a reader can use.

    >>> number(103.267), number(8.0312), number(0.01234), number(-0.0001)
    ('103.3', '8.03', '0.012', '0.000')
    """
    if not math.isfinite(value):
        return "–"
    digits = 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    text = f"{value:.{digits}f}".replace("-", "−")
    return text.removeprefix("−") if float(f"{value:.{digits}f}") == 0 else text


def cell(estimate: Estimate | None) -> str:
    """Return an estimate as a cell of a table: ``8.03 ± 0.05``, ``≥ −51.2 ± 0.2`` or ``[3.10, 4.02]``."""
    if estimate is None:
        return "–"
    if estimate.kind == "interval":
        return f"[{number(estimate.low)}, {number(estimate.high)}]"
    if estimate.unit == "units":
        return f"{estimate.value:g}" + (f" of {estimate.detail['units']}" if estimate.detail else "")
    value = number(estimate.value)
    return f"{RELATION.get(estimate.kind, '')}{value}{_error(estimate.se, value)}"


def _error(se: float, value: str) -> str:
    """Return a standard error with the decimals of the value, or more where it would be 0."""
    if not se > 0:
        return ""
    rounded = f"{se:.{len(value.partition('.')[2])}f}"
    return f" ± {rounded if float(rounded) > 0 else number(se)}"


def estimate_rows(assessment: Assessment) -> list[tuple[str, ...]]:
    """Return a row for each estimate: name, value, standard error, 95% interval, unit, kind."""
    return [
        (
            name,
            number(e.value),
            number(e.se) if e.kind not in ("exact", "interval") else "",
            f"[{number(e.low)}, {number(e.high)}]" if e.kind != "exact" else "",
            e.unit,
            e.kind,
        )
        for name, e in assessment.estimates.items()
    ]


def entropy(assessment: Assessment) -> float | None:
    """Return the exact H(X) in nats per text where the corpus is known."""
    value = assessment.metadata.get("entropy")
    return None if value is None else float(value)


def columns(assessments: Sequence[Assessment]) -> list[Column]:
    """Return the columns for which at least one run has an estimate."""
    return [c for c in COLUMNS if any(c.estimate in a.estimates for a in assessments)]


def verdict(assessment: Assessment) -> str:
    """Return the verdict on the model: of z's use and of the fit of q(z) to the prior, not of the numbers."""
    return assessment.verdict
