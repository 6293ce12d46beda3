"""Diagnostic: what every diagnostic is: a statistic, its judgement and its picture, all of Draws alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaescope.assessment.draws import Draws
from vaescope.assessment.estimate import Estimate
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Estimates = dict[str, Estimate]


class Diagnostic:
    """A pure function of Draws. A choice is a file of ``diagnostics/`` whose class has its options as keywords.

    Attributes:
        requires: optional tensors (or entries of the metadata) of Draws that it cannot do without.
        consistency: whether its findings ask if distributions agree, which a collapsed model does for nothing.
    """

    requires: tuple[str, ...] = ()
    consistency: bool = False

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
            if getattr(draws, name, None) is None and name not in draws.metadata:
                return f"the draws have no '{name}'"
        return ""
