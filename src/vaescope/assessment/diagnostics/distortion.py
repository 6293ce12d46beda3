"""Distortion: the reconstruction error of a text from a sample of its posterior, D = -E log p(x|z)."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.estimators.estimate import mean_of
from vaescope.evidence.evidence import Evidence


class Distortion(Diagnostic):
    """D by all S samples of each text; the error counts texts and samples, since texts are independent."""

    truths: ClassVar = {"distortion": "distortion"}

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        return {"distortion": mean_of(draws.distortions, unit="nats/text", copies=draws.clusters())}
