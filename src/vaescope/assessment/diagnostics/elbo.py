"""ELBO: the evidence lower bound -(D + R) <= log p(x), and how far it is from the log-likelihood."""

from __future__ import annotations

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.draws import Draws
from vaescope.assessment.estimate import mean_of
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import importance


class Elbo(Diagnostic):
    """The bound per text; judges the inference gap E KL(q(z|x) || p(z|x)) by the importance-weighted bound."""

    consistency = True

    def estimate(self, draws: Draws) -> Estimates:
        """Return ``elbo``."""
        return {"elbo": mean_of(-(draws.distortions + draws.rates), unit="nats/text", kind="lower")}

    def findings(self, estimates: Estimates, draws: Draws, thresholds: Thresholds) -> list[Finding]:
        """Judge the inference gap, paired on texts; the bound is itself low, so a small gap needs many samples."""
        gap_N = importance.log_mean_exp(draws.log_weights) + draws.distortions + draws.rates
        gap, rate = mean_of(gap_N, unit="nats/text"), draws.rates.mean().item()
        passes = max(thresholds.inference_gap_pass, thresholds.inference_gap_pass_share * rate)
        fails = max(thresholds.inference_gap_fail, thresholds.inference_gap_fail_share * rate)
        rule = f"PASS if the gap is surely at most {passes:.2g} nats, FAIL if surely more than {fails:.2g}"
        message = f"log-likelihood - ELBO is at least {gap.value:.2f} nats [{gap.low:.2f}, {gap.high:.2f}]"
        step = "a richer posterior, or more training of the encoder, would close it"
        if gap.low > fails:
            return [Finding("inference_gap", "FAIL", message, rule, step)]
        if gap.high > passes:
            return [Finding("inference_gap", "WARN", message, rule, step)]
        if draws.samples < 2:
            return [Finding("inference_gap", "UNRESOLVED", message, rule, "take at least 64 samples per text")]
        return [Finding("inference_gap", "PASS", message, rule)]
