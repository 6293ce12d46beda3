"""Log-likelihood: the importance-weighted bound on log p(x), with the reliability of its weights."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaescope.assessment.diagnostic import Diagnostic, Estimates, Results
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import importance
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = (0.5, 0.7, 1.0)
"""Where the tail index is called ok, bad and very bad (Vehtari et al. 2024)."""


class LogLikelihood(Diagnostic):
    """L_S = log 1/S sum_s w_s <= log p(x) in expectation; judges whether it may be read as a number.

    ``log_likelihood_adapted`` is the same for the first P texts with z of a Gaussian optimised for each: a tighter
    bound where the encoder is far from the posterior. Its gain is paired on those texts.
    """

    def estimate(self, evidence: Evidence) -> Results:
        """Return ``log_likelihood`` with effective sample sizes, Pareto k and the bound as S doubles."""
        draws = evidence.draws
        bound = _bound(draws.log_weights)
        if (adapted_SP := draws.log_weights_adapted) is None:
            reason = Missing("no 'log_weights_adapted': assess with suite=full")
            return {"log_likelihood": bound, "log_likelihood_adapted": reason}
        own_P = importance.log_mean_exp(draws.log_weights[:, : adapted_SP.shape[1]])
        gain = mean_of(importance.log_mean_exp(adapted_SP) - own_P, unit="nats/text")
        adapted = _bound(adapted_SP, {"gain": gain.value, "gain_se": gain.se})
        return {"log_likelihood": bound, "log_likelihood_adapted": adapted}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge whether the bound is tight enough to be called the log-likelihood."""
        draws = evidence.draws
        estimate = estimates["log_likelihood"]
        detail = estimate.detail or {}
        share, gain = detail["unreliable_share"], detail["doubling_gain"]
        good, bad = thresholds.good_tail_share, thresholds.bad_tail_share
        rule = f"PASS if Pareto k is bad for at most {good:.0%} of the texts and doubling S gains < "
        rule += f"{thresholds.doubling_gain} nats, as does a proposal adapted to each text; FAIL if bad for more than "
        rule += f"{bad:.0%}"
        if gain is None or detail["pareto_k"]["median"] is None:
            message = f"log-likelihood >= {estimate.value:.2f}: {draws.samples} samples are too few to judge the bound"
            return [Finding("log_likelihood", "UNRESOLVED", message, rule, "take at least 64 samples per text")]
        message = f"log-likelihood >= {estimate.value:.2f}: Pareto k is bad for {share:.0%} of the texts, "
        message += f"doubling S gained {gain:.2g} nats"
        short = False
        if "log_likelihood_adapted" in estimates:
            found = estimates["log_likelihood_adapted"].detail or {}
            message += f", an adapted proposal {found['gain']:.2g}"
            short = found["gain"] - 2 * found["gain_se"] > thresholds.doubling_gain
        if share > bad:
            return [Finding("log_likelihood", "FAIL", message, rule, "publish it only as a bound; take more samples")]
        if short:
            step = "read log_likelihood_adapted, for all texts with assessment.adapted_texts"
            return [Finding("log_likelihood", "WARN", message, rule, step)]
        if share > good or gain >= thresholds.doubling_gain:
            return [Finding("log_likelihood", "WARN", message, rule, "take more samples per text")]
        return [Finding("log_likelihood", "PASS", message, rule)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """The bound as the number of samples doubles: still rising is not converged."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 3), layout="constrained")
        axes = figure.subplots()
        for name, label in (("log_likelihood", "q(z|x)"), ("log_likelihood_adapted", "adapted to each text")):
            if name in estimates:
                curve = (estimates[name].detail or {})["curve"]
                axes.plot([int(k) for k in curve], list(curve.values()), marker="o", label=label)
        axes.set(xscale="log", xlabel="samples per text", ylabel="bound on log p(x) (nats)")
        axes.legend(frameon=False)
        return figure


def _bound(log_w_SN: Tensor, extra: dict[str, Any] | None = None) -> Estimate:
    bound_N, samples = importance.log_mean_exp(log_w_SN), len(log_w_SN)
    size_N, k_N = importance.effective_sample_size(log_w_SN), importance.tail_index(log_w_SN)
    good = importance.good_tail_index(samples)
    edges = [-torch.inf, *BINS, torch.inf]
    detail = {
        "samples": samples,
        "effective_sample_size": {"mean": size_N.mean().item(), "p05": size_N.quantile(0.05).item()},
        "pareto_k": {"median": _finite(k_N.median()), "p95": _finite(k_N.quantile(0.95)), "good": _finite(good)},
        "pareto_k_counts": {
            f"({low}, {high}]": int(((k_N > low) & (k_N <= high)).sum()) for low, high in pairwise(edges)
        },
        "unreliable_share": (k_N > good).double().mean().item(),
        "doubling_gain": _finite(importance.doubling_gain(log_w_SN).mean()),
        "curve": importance.doubling_curve(log_w_SN),
        **(extra or {}),
    }
    return mean_of(bound_N, unit="nats/text", kind="lower", detail=detail)


def _finite(number: torch.Tensor | float) -> float | None:
    number = float(number)
    return number if abs(number) < float("inf") else None
