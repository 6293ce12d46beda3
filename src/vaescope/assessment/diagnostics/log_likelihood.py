"""Log-likelihood: the importance-weighted bound on log p(x), with the reliability of its weights."""

from __future__ import annotations

import torch

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.draws import Draws
from vaescope.assessment.estimate import mean_of
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import importance


class LogLikelihood(Diagnostic):
    """L_S = log 1/S sum_s w_s <= log p(x) in expectation; judges whether it may be read as a number."""

    def estimate(self, draws: Draws) -> Estimates:
        """Return ``log_likelihood`` with effective sample sizes, Pareto k and the gain by doubling S."""
        bound_N = importance.log_mean_exp(draws.log_weights)
        size_N = importance.effective_sample_size(draws.log_weights)
        k_N = importance.tail_index(draws.log_weights)
        gain_N = importance.doubling_gain(draws.log_weights)
        good = importance.good_tail_index(draws.samples)
        detail = {
            "samples": draws.samples,
            "effective_sample_size": {"mean": size_N.mean().item(), "p05": size_N.quantile(0.05).item()},
            "pareto_k": {"median": _finite(k_N.median()), "p95": _finite(k_N.quantile(0.95)), "good": _finite(good)},
            "unreliable_share": (k_N > good).double().mean().item(),
            "doubling_gain": _finite(gain_N.mean()),
        }
        return {"log_likelihood": mean_of(bound_N, unit="nats/text", kind="lower", detail=detail)}

    def findings(self, estimates: Estimates, draws: Draws, thresholds: Thresholds) -> list[Finding]:
        """Judge whether the bound is tight enough to be called the log-likelihood."""
        estimate = estimates["log_likelihood"]
        detail = estimate.detail or {}
        share, gain = detail["unreliable_share"], detail["doubling_gain"]
        good, bad = thresholds.good_tail_share, thresholds.bad_tail_share
        rule = f"PASS if Pareto k is bad for at most {good:.0%} of the texts and doubling S gains < "
        rule += f"{thresholds.doubling_gain} nats, FAIL if bad for more than {bad:.0%}"
        if gain is None or detail["pareto_k"]["median"] is None:
            message = f"log-likelihood >= {estimate.value:.2f}: {draws.samples} samples are too few to judge the bound"
            return [Finding("log_likelihood", "UNRESOLVED", message, rule, "take at least 64 samples per text")]
        message = f"log-likelihood >= {estimate.value:.2f}: Pareto k is bad for {share:.0%} of the texts, "
        message += f"doubling S gained {gain:.2g} nats"
        if share > bad:
            return [Finding("log_likelihood", "FAIL", message, rule, "publish it only as a bound; take more samples")]
        if share > good or gain >= thresholds.doubling_gain:
            return [Finding("log_likelihood", "WARN", message, rule, "take more samples per text")]
        return [Finding("log_likelihood", "PASS", message, rule)]


def _finite(number: torch.Tensor | float) -> float | None:
    number = float(number)
    return number if abs(number) < float("inf") else None
