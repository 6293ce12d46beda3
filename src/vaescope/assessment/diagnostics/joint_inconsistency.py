"""Joint inconsistency: how far q(x, z) is from p(x, z), KL = R + D - H(X), for texts of a known distribution."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.diagnostics.marginal_kl import marginal_kl
from vaescope.assessment.findings import Check, Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import Estimate, deviations, mean_of
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.evidence import Evidence, need


class JointInconsistency(Diagnostic):
    """The total mismatch of the two joint distributions, split in two ways.

    By z: prior mismatch (marginal KL) plus decoder mismatch E KL(q(x|z) || p(x|z)), each an interval. By x: data
    mismatch KL(q(x) || p(x)) plus inference gap E KL(q(z|x) || p(z|x)). If the draws have log q(x) of each text, it
    replaces -H: the expectation is the same, and the variance of log q(x) over texts drops out of the error.
    """

    truths: ClassVar = {"joint_inconsistency": "joint_inconsistency"}

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``joint_inconsistency`` with its split by z, and ``joint_inconsistency_data``, for the split by x."""
        draws = evidence.draws
        log_q_x = _log_q_x(evidence)
        copies = draws.clusters()
        joint = mean_of(draws.rates + draws.distortions + log_q_x, unit="nats/text", copies=copies)
        bound_N = log_q_x - log_mean_exp(draws.log_weights)
        data = mean_of(bound_N, unit="nats/text", kind="upper", copies=copies)
        if draws.log_q_x is None:
            joint, data = (_with_error_of_entropy(estimate, evidence.facts.entropy_se) for estimate in (joint, data))
        prior = marginal_kl(evidence)
        detail = {
            "entropy": evidence.facts.entropy,
            "paired": draws.log_q_x is not None,
            "prior_mismatch": [prior.low, prior.high],
            "decoder_mismatch": [max(0.0, joint.low - prior.high), max(0.0, joint.high - prior.low)],
        }
        return {"joint_inconsistency": replace(joint, detail=detail), "joint_inconsistency_data": data}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Check the information inequality R + D >= H and report both splits."""
        joint, data = estimates["joint_inconsistency"], estimates["joint_inconsistency_data"]
        detail = joint.detail
        prior, decoder = detail["prior_mismatch"], detail["decoder_mismatch"]
        message = (
            f"q(x,z) and p(x,z) differ by {joint.value:.2f} nats = prior mismatch [{prior[0]:.2f}, {prior[1]:.2f}]"
        )
        message += f" + decoder mismatch [{decoder[0]:.2f}, {decoder[1]:.2f}]; or = data mismatch (upper bound "
        message += f"{data.value:.2f} ± {data.se:.2g}) + inference gap (lower bound {joint.value - data.value:.2f})"
        reach = deviations(thresholds.identity_sigmas, joint.n)
        check = Check(f"R + D is not below H by more than {reach:.2g} standard errors", "FAIL")
        # float32 densities leave a systematic 1e-4, however small the error is
        holds = joint.value >= -reach * joint.se - 1e-3
        step = "the likelihood counts other tokens than the entropy, or the entropy is wrong"
        return [check.judge("joint_inconsistency", holds, message, next_step=step)]


def _with_error_of_entropy(estimate: Estimate, error: float) -> Estimate:
    """Add the standard error of H(X), which does not depend on the assessed texts."""
    return replace(estimate, se=math.hypot(estimate.se, error), low=math.nan, high=math.nan)


def _log_q_x(evidence: Evidence) -> Tensor | float:
    """log q(x) of each text, or its mean, -H(X)."""
    if (known_N := evidence.draws.log_q_x) is not None:
        return known_N.double()
    remedy = "only where the distribution of the texts is known, as for the built-in corpora"
    return -need(evidence.facts.entropy, "'log_q_x' and no 'entropy'", remedy)
