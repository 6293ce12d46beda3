"""Diagnostic: what every diagnostic is: a statistic, its judgement and its picture, all of Draws alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.draws import Draws

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Estimates = dict[str, Estimate]


class Diagnostic:
    """A pure function of Draws. A choice is a file of ``diagnostics/`` whose class has its options as keywords.

    Attributes:
        requires: optional evidence of Draws that it cannot do without: names of tensors, of entries of the metadata,
            or of parts of other evidence (``panel.attention``).
        blocked_by: identities without which its numbers mean nothing.
        consistency: whether its findings ask if distributions agree, which a collapsed model does for nothing.
        suite: ``fast`` (cheap enough for every validation) or ``full`` (a few seconds each).
    """

    requires: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()
    consistency: bool = False
    suite: str = "fast"

    def estimate(self, draws: Draws) -> Estimates:
        """Return the numbers, by name."""
        raise NotImplementedError

    def findings(self, estimates: Estimates, draws: Draws, thresholds: Thresholds) -> list[Finding]:
        """Return judgements from the numbers of all diagnostics that ran."""
        return []

    def figure(self, draws: Draws, estimates: Estimates) -> Figure | None:
        """Return a picture, or None."""
        return None

    def partly_missing(self, draws: Draws) -> dict[str, str]:
        """Return why single estimates of a diagnostic that runs are absent, by name."""
        return {}

    def missing(self, draws: Draws) -> str:
        """Return why the diagnostic cannot run on these draws, or an empty string."""
        for name in self.requires:
            if not _has(draws, name):
                return f"the draws have no '{name}'"
        return ""


def _has(draws: Draws, name: str) -> bool:
    evidence: Any = draws
    for part in name.split("."):
        evidence = getattr(evidence, part, None)
    return evidence is not None or name in draws.metadata
