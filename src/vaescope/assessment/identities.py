"""Identities that hold for every model: where one fails, the draws or the program are wrong, not the model."""

from __future__ import annotations

import math

from vaescope.assessment.diagnostic import Estimates
from vaescope.assessment.draws import Draws
from vaescope.assessment.estimate import mean_of
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.importance import log_mean_exp


def identities(draws: Draws, estimates: Estimates, thresholds: Thresholds) -> list[Finding]:
    """Check what can be checked with the estimates at hand, each as a finding that only says PASS or FAIL."""
    checks = [_rate_by_samples(draws, thresholds), _bound_order(draws, thresholds)]
    if "mutual_information" in estimates:
        checks.append(_ceiling(draws, estimates, thresholds))
    if {"rate", "mutual_information", "marginal_kl"} <= set(estimates):
        checks.append(_decomposition(estimates))
    return [check for check in checks if check is not None]


def _rate_by_samples(draws: Draws, thresholds: Thresholds) -> Finding | None:
    """Closed-form against Monte Carlo rate, paired on texts."""
    if draws.unit_rates is None:
        return None
    sampled_N = (draws.log_q_z_x.double() - draws.log_p_z.double()).mean(0)
    difference = mean_of(sampled_N - draws.rates, unit="nats/text")
    sigmas = thresholds.identity_sigmas
    message = f"rate by samples - closed form = {difference.value:.2g} ± {difference.se:.2g} nats"
    # float32 densities leave a systematic 1e-4, however many texts there are
    holds = abs(difference.value) <= sigmas * difference.se + 1e-3
    return _finding("identity_rate", holds, message, "z is not drawn from the stated posterior")


def _bound_order(draws: Draws, thresholds: Thresholds) -> Finding:
    """ELBO <= importance-weighted bound, on the same samples of each text: Jensen's inequality, exact."""
    gap = (log_mean_exp(draws.log_weights) - draws.log_weights.mean(0)).min().item()
    message = f"log-likelihood - ELBO on the same samples is at least {gap:.2g} nats for every text"
    return _finding("identity_bounds", gap >= -1e-6, message, "the bounds are computed from different samples")


def _ceiling(draws: Draws, estimates: Estimates, thresholds: Thresholds) -> Finding:
    """I <= log N and I <= R."""
    information, rate = estimates["mutual_information"], draws.rates.mean().item()
    ceiling = math.log(draws.texts)
    slack = thresholds.identity_sigmas * information.se + 1e-3
    holds = information.value <= min(ceiling + 1e-6, rate + slack)
    message = f"information {information.value:.2f} <= log N = {ceiling:.2f} and <= rate {rate:.2f} nats"
    return _finding("identity_information", holds, message, "z is not drawn from the stated posterior")


def _decomposition(estimates: Estimates) -> Finding:
    """Rate = information + marginal KL, and the marginal KL is not negative."""
    rate, information = estimates["rate"].value, estimates["mutual_information"].value
    marginal = estimates["marginal_kl"]
    error = abs(rate - information - marginal.value)
    message = f"rate {rate:.2f} = information {information:.2f} + marginal KL {marginal.value:.2f} nats"
    holds = error <= 1e-6 + 1e-9 * abs(rate) and marginal.high >= 0
    return _finding("identity_rate_split", holds, message, "the marginal KL is negative: z and densities disagree")


def _finding(name: str, holds: bool, message: str, step: str) -> Finding:
    rule = "an identity: FAIL means that the draws or the program are wrong"
    return Finding(name, "PASS" if holds else "FAIL", message, rule, "" if holds else step)
