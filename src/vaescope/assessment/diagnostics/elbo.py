"""ELBO: the evidence lower bound -(D + R) <= log p(x)."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.estimators.estimate import mean_of
from vaescope.evidence.evidence import Evidence


class Elbo(Diagnostic):
    """The bound per text, with the closed-form rate where there is one."""

    truths: ClassVar = {"elbo": "elbo"}

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        kind = "unbiased" if draws.ignores_latent else "lower"
        return {
            "elbo": mean_of(-(draws.distortions + draws.rates), unit="nats/text", kind=kind, copies=draws.clusters())
        }
