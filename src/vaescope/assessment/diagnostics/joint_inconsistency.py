"""Joint inconsistency: how far q(x, z) is from p(x, z), KL = R + D - H(X), where the entropy is known."""

from __future__ import annotations

from dataclasses import replace

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.diagnostics.marginal_kl import MarginalKl
from vaescope.assessment.draws import Draws
from vaescope.assessment.estimate import mean_of
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds


class JointInconsistency(Diagnostic):
    """The one number to drive to zero; it is prior mismatch (marginal KL) plus decoder mismatch, each an interval."""

    requires = ("entropy",)

    def estimate(self, draws: Draws) -> Estimates:
        """Return ``joint_inconsistency`` with its split."""
        entropy = float(draws.metadata["entropy"])
        joint = mean_of(draws.rates + draws.distortions - entropy, unit="nats/text")
        prior = MarginalKl().estimate(draws)["marginal_kl"]
        detail = {
            "entropy": entropy,
            "prior_mismatch": [prior.low, prior.high],
            "decoder_mismatch": [max(0.0, joint.low - prior.high), joint.high - prior.low],
        }
        return {"joint_inconsistency": replace(joint, detail=detail)}

    def findings(self, estimates: Estimates, draws: Draws, thresholds: Thresholds) -> list[Finding]:
        """Check the information inequality R + D >= H and put the split into words."""
        joint = estimates["joint_inconsistency"]
        detail = joint.detail or {}
        prior, decoder = detail["prior_mismatch"], detail["decoder_mismatch"]
        message = (
            f"q(x,z) and p(x,z) differ by {joint.value:.2f} nats = prior mismatch [{prior[0]:.2f}, {prior[1]:.2f}]"
        )
        message += f" + decoder mismatch [{decoder[0]:.2f}, {decoder[1]:.2f}]"
        rule = f"FAIL if R + D is below H by more than {thresholds.identity_sigmas:g} standard errors"
        if joint.value < -thresholds.identity_sigmas * joint.se:
            step = "the likelihood counts other tokens than the entropy, or the entropy is wrong"
            return [Finding("joint_inconsistency", "FAIL", message, rule, step)]
        return [Finding("joint_inconsistency", "PASS", message, rule)]
