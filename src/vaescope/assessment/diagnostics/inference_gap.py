"""Inference gap: how far q(z|x) is from the model's posterior, E KL(q(z|x) || p(z|x)), and why."""

from __future__ import annotations

from typing import ClassVar

import torch

from vaescope.assessment.diagnostic import Diagnostic, Estimates, Results, attempt
from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import importance
from vaescope.estimators.estimate import Estimate, at_least_zero, mean_of
from vaescope.evidence.evidence import Evidence

PARTS = ("inference_gap_amortisation", "inference_gap_approximation")


class InferenceGap(Diagnostic):
    """log p(x) - ELBO on the same texts, a lower bound, since the importance-weighted bound is one.

    Samples of q(z|x) never reach modes of the posterior that q misses, so such modes add to the gap without any sign in
    the estimate.

    The experiments of the full suite split it (Cremer, Li, Duvenaud 2018, arXiv:1801.03558): *amortisation* is the gain
    of a Gaussian optimised for each text, the fault of the encoder; *approximation* is the rest, the fault of the
    Gaussian family.
    """

    truths: ClassVar = {"inference_gap": "inference_gap"}
    consistency = True

    def estimate(self, evidence: Evidence) -> Results:
        """Return ``inference_gap`` and, given the experiments, its two parts."""
        draws = evidence.draws
        gap_N = importance.log_mean_exp(draws.log_weights) + draws.distortions + draws.rates
        kind = "unbiased" if draws.ignores_latent else "lower"
        bound = at_least_zero(mean_of(gap_N, unit="nats/text", kind=kind, copies=draws.clusters()))
        gap: dict[str, Estimate | Missing] = {"inference_gap": bound}
        if (found := evidence.experiments.inference) is None:
            return gap | dict.fromkeys(PARTS, Missing("no Gaussian optimised for each text: assess with suite=full"))
        copies = draws.clusters(torch.arange(len(found.amortised)))
        own_P, family_P = found.optimised - found.amortised, found.log_p - found.optimised
        own = attempt(lambda: mean_of(own_P, unit="nats/text", kind="lower", copies=copies))
        family = attempt(lambda: mean_of(family_P, unit="nats/text", kind="consistent", copies=copies))
        return gap | dict(zip(PARTS, (own, family), strict=True))

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the gap against the rate."""
        draws = evidence.draws
        gap, rate = estimates["inference_gap"], draws.rates.mean().item()
        doubled = importance.doubling_gain(draws.log_weights).mean().item()
        converged = draws.ignores_latent or doubled < thresholds.doubling_gain
        rule = Rule(
            *thresholds.inference_gap_limits(rate),
            "nats",
            subject="the lower bound on the gap",
            needs=(Condition(f"doubling S gains less than {thresholds.doubling_gain} nats", converged),),
            seen=Condition("it is between them", True),
        )
        message = f"log-likelihood - ELBO is at least {gap.value:.2f} nats [{gap.low:.2f}, {gap.high:.2f}]"
        step = "a richer posterior, or more training of the encoder, would close it"
        if "inference_gap_amortisation" in estimates:
            own, family = estimates["inference_gap_amortisation"], estimates["inference_gap_approximation"]
            message += f"; optimising text by text gains {own.value:.2f}, {family.value:.2f} remain"
            step = "train the encoder more" if own.value > family.value else "a posterior richer than a Gaussian"
        if not converged:
            message += f"; with {draws.samples} samples the bound still rises"
        more = "take at least 64 samples per text"
        return [rule.judge("inference_gap", gap, message, next_step=step, more=more)]
