"""Log-likelihood: the importance-weighted bound on log p(x), with the reliability of its weights."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates, Results, attempt
from vaescope.assessment.findings import Check, Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import importance
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate, binomial_interval, mean_of, quantile
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence

BINS = (0.5, 0.7, 1.0)
"""Limits of the tail index: good, bad and very bad (Vehtari et al. 2024)."""
TOLERANCE = 0.025
"""Gain of a text's bound by doubling S, in nats, below which its tail index does not matter."""

WITHOUT_LATENT = Check("nothing depends on z: then log p(x) = log p(x|z)")


class LogLikelihood(Diagnostic):
    """L_S = log 1/S sum_s w_s <= log p(x) in expectation; judges whether it can be reported as the log-likelihood.

    ``log_likelihood_adapted`` is the same for the first P texts, with z from a Gaussian optimised for each text. It is
    a tighter bound if the encoder is far from the posterior. Its gain is paired by text.
    """

    truths: ClassVar = {"log_likelihood": "log_likelihood"}

    def estimate(self, evidence: Evidence) -> Results:
        """Return ``log_likelihood`` with effective sample sizes, Pareto k and the bound as S doubles."""
        draws = evidence.draws
        bound = _bound(draws.log_weights, draws.clusters())
        if draws.ignores_latent:
            bound = replace(bound, kind="unbiased")
        if (adapted_SP := draws.log_weights_adapted) is None:
            reason = Missing("no 'log_weights_adapted': assess with suite=full")
            return {"log_likelihood": bound, "log_likelihood_adapted": reason}
        return {"log_likelihood": bound, "log_likelihood_adapted": attempt(lambda: _adapted(draws, adapted_SP))}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge whether the bound is tight enough to be called the log-likelihood."""
        estimate, limit = estimates["log_likelihood"], thresholds.doubling_gain
        if evidence.draws.ignores_latent:
            return [WITHOUT_LATENT.judge("log_likelihood", True, f"log-likelihood {estimate.value:.2f}: exact")]
        detail, message = estimate.detail, f"log-likelihood >= {estimate.value:.2f}"
        gain, pooled = detail["doubling_gain"], detail["pooled_gain"]
        found = estimates["log_likelihood_adapted"].detail if "log_likelihood_adapted" in estimates else None
        short = found is not None and found["gain"] - quantile(found["texts"]) * found["gain_se"] > limit
        rule, share = _rule(estimate, thresholds, short=short)
        if gain is None or detail["pareto_k"]["median"] is None:
            message += f": {detail['samples']} samples are too few to judge the bound"
            return [rule.unresolved("log_likelihood", message, next_step="take at least 64 samples per text")]
        message += f": doubling S gained {gain:.2g} nats, pooling the weights adds {pooled:.2g}"
        message += "" if found is None else f", an adapted proposal {found['gain']:.2g}"
        message += f"; unreliable for {detail['unreliable_share']:.0%} of the texts"
        step = "take more samples per text; until then report it only as a bound"
        if short:
            step = "read log_likelihood_adapted, for all texts with assessment.adapted_texts"
        return [rule.judge("log_likelihood", share, message, next_step=step)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """The bound as the number of samples doubles: it has not converged while it still rises."""
        figure, (axes,) = plotting.axes(5, 3)
        counts: set[int] = set()
        for name, label in (("log_likelihood", "q(z|x)"), ("log_likelihood_adapted", "adapted to each text")):
            if name in estimates:
                curve = estimates[name].detail["curve"]
                axes.plot([int(k) for k in curve], list(curve.values()), marker="o", label=label)
                counts |= {int(k) for k in curve}
        axes.set(xscale="log", xlabel="samples per text", ylabel="bound on log p(x) (nats)")
        plotting.ticks(axes, sorted(counts))
        axes.legend(frameon=False)
        return figure


def _rule(estimate: Estimate, thresholds: Thresholds, *, short: bool) -> tuple[Rule, Estimate]:
    """Return the rule, and the share of texts that it judges: 0 where more samples would surely gain little."""
    limit, detail = thresholds.doubling_gain, estimate.detail
    gain, gain_se, pooled = (detail[key] for key in ("doubling_gain", "doubling_gain_se", "pooled_gain"))
    little = gain is not None and max(gain, pooled) < limit
    settled = little and not short and gain + quantile(estimate.n) * gain_se < limit
    share = 0.0 if settled else detail["unreliable_share"]
    low, high = (0.0, 0.0) if settled else binomial_interval(share, estimate.n)
    few = thresholds.good_tail_share
    rule = Rule(
        few,
        thresholds.bad_tail_share,
        "of the texts",
        subject=f"the share with an unreliable bound (Pareto k bad by more than its error, and weights that vary; none "
        f"where doubling S surely gains less than {limit:g} nats and nothing else gains more)",
        needs=(
            Condition(
                f"doubling S, and pooling the weights of all texts, gain less than {limit:g} nats", little, "WARN"
            ),
            Condition("a proposal adapted to each text does not surely gain more", not short, "WARN"),
        ),
        seen=Condition(f"it is surely above {few:g} or one of these gains is larger", low > few or short or not little),
    )
    return rule, replace(estimate, value=share, low=low, high=high, kind="consistent", unit="of the texts")


def _adapted(draws: Draws, adapted_SP: Tensor) -> Estimate:
    """The bound by adapted proposals, and its gain on the same texts."""
    first_N = torch.arange(draws.texts) < adapted_SP.shape[1]
    copies = draws.clusters(first_N)
    own_P = importance.log_mean_exp(draws.log_weights[:, first_N])
    gain = mean_of(importance.log_mean_exp(adapted_SP) - own_P, unit="nats/text", copies=copies)
    return _bound(adapted_SP, copies, {"gain": gain.value, "gain_se": gain.se, "texts": gain.n})


def _bound(log_w_SN: Tensor, copies: Copies | None, extra: dict[str, Any] | None = None) -> Estimate:
    bound_N, samples = importance.log_mean_exp(log_w_SN), len(log_w_SN)
    size_N, k_N = importance.effective_sample_size(log_w_SN), importance.tail_index(log_w_SN)
    good = importance.good_tail_index(samples)
    error_N = importance.tail_index_error(k_N, samples)
    doubled_N = importance.doubling_gain(log_w_SN)
    doubled = mean_of(doubled_N, unit="nats/text", copies=copies) if samples > 1 else None
    gain_N = torch.maximum(doubled_N, (samples / size_N - 1) / (2 * samples))
    edges = [-torch.inf, *BINS, torch.inf]
    detail = {
        "samples": samples,
        "effective_sample_size": {"mean": size_N.mean().item(), "p05": size_N.quantile(0.05).item()},
        "pareto_k": {"median": _finite(k_N.median()), "p95": _finite(k_N.quantile(0.95)), "good": _finite(good)},
        "pareto_k_counts": {
            f"({low}, {high}]": int(((k_N > low) & (k_N <= high)).sum()) for low, high in pairwise(edges)
        },
        "unreliable_share": ((k_N - error_N > good) & (gain_N > TOLERANCE)).double().mean().item(),
        "doubling_gain": None if doubled is None else doubled.value,
        "doubling_gain_se": None if doubled is None else doubled.se,
        "pooled_gain": importance.pooled_gain(log_w_SN),
        "curve": importance.doubling_curve(log_w_SN),
        **(extra or {}),
    }
    return mean_of(bound_N, unit="nats/text", kind="lower", detail=detail, copies=copies)


def _finite(number: torch.Tensor | float) -> float | None:
    number = float(number)
    return number if abs(number) < float("inf") else None
