"""Red flags: what a validation says in words while the training can still be changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vaescope.assessment.findings import Finding

WATCHED = ("decoder_use", "mutual_information", "conversion_efficiency")
"""Findings that say that z is not read, or that the rate is not information."""

LOST = 1.0
"""Nats of rate below which almost nothing is left, where the objective has no target."""


def red_flags(findings: Sequence[Finding], validations: Sequence[dict[str, Any]], target: float | None) -> list[str]:
    """Return the red flags of the last validation as sentences, each with what to try.

    Args:
        findings: those of the assessment at this validation.
        validations: the lines of the validations so far, this one last.
        target: the rate that the objective asks for, or None.

    >>> lines = [{"step": 100, "rate": 12.0}, {"step": 200, "rate": 0.4}]
    >>> print(*red_flags([], lines, target=8.0))
    the rate fell from 12 to 0.4 nats between steps 100 and 200, ... before it is read. Lower training.learning_rate ...
    """
    alarms = [finding for finding in findings if finding.name in WATCHED and finding.verdict in ("WARN", "FAIL")]
    flags = [". Try: ".join(filter(None, (finding.message, finding.next_step))) for finding in alarms]
    return flags + _falling(validations[-2:], LOST if target is None else 0.9 * target)


def _falling(last: Sequence[dict[str, Any]], floor: float) -> list[str]:
    """Say that more than half of the rate was lost since the validation before, and that too little is left."""
    if len(last) < 2 or not all("rate" in line for line in last):
        return []
    (first, before), (step, now) = ((line["step"], line["rate"]) for line in last)
    if now >= min(floor, before / 2):
        return []
    return [
        f"the rate fell from {before:.3g} to {now:.3g} nats between steps {first} and {step}, below {floor:.3g}: z is "
        "lost before it is read. Lower training.learning_rate or the weight of the rate, or train longer with a low one"
    ]
