"""Distortion: how badly a posterior sample reconstructs its text, D = -E log p(x|z)."""

from __future__ import annotations

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.estimators.estimate import mean_of
from vaescope.evidence.draws import Draws


class Distortion(Diagnostic):
    """D by all S samples of each text; the error counts texts and samples, since texts are independent."""

    def estimate(self, draws: Draws) -> Estimates:
        """Return ``distortion``."""
        return {"distortion": mean_of(draws.distortions, unit="nats/text")}
