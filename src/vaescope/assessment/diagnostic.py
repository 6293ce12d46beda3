"""Base class of diagnostics: a statistic, its judgement and its figure, all functions of the evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Estimates = dict[str, Estimate]
Results = Mapping[str, Estimate | Missing]
"""Estimates by name, or the reason why one is absent."""


class Diagnostic:
    """A pure function of the evidence. A choice is a file of ``diagnostics/`` whose class has its options as keywords.

    Attributes:
        truths: the property of ``evidence.linear_gaussian.LinearGaussian`` that each estimate estimates, by name; the
            contract tests compare every number with it.
        no_truth: the reason, where ``truths`` is empty.
        blocked_by: identities that must hold for its numbers to have a meaning.
        consistency: whether its findings ask if distributions agree, which holds trivially for a collapsed model.
        suite: ``fast`` (cheap enough for every validation) or ``full`` (a few seconds each).
    """

    truths: ClassVar[Mapping[str, str]] = {}
    no_truth: ClassVar[str] = ""
    blocked_by: tuple[str, ...] = ()
    consistency: bool = False
    suite: str = "fast"

    def under(self, thresholds: Thresholds) -> Diagnostic:
        """Return the diagnostic with the conventions of the table of thresholds; most diagnostics have none."""
        return self

    def estimate(self, evidence: Evidence) -> Results:
        """Return the numbers by name, or the reason why one is absent.

        Raises:
            Missing: the evidence lacks what all of them need (``evidence.need``).
        """
        raise NotImplementedError

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Return judgements from the numbers of all diagnostics that ran."""
        return []

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure | None:
        """Return a picture, or None."""
        return None


def attempt(make: Callable[[], Estimate]) -> Estimate | Missing:
    """Return an estimate, or the reason why it cannot be computed while others can."""
    try:
        return make()
    except Missing as reason:
        return reason
