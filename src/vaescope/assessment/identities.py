"""Identities that hold for every model: if one fails, the draws or the program are wrong, not the model."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from scipy import stats

from vaescope.assessment.diagnostic import Estimates
from vaescope.assessment.diagnostics.mutual_information import WORDS
from vaescope.assessment.findings import Check, Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate, deviations, mean_of
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.aggregate_posterior import AggregatePosterior
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.information_ends import InformationEnds
from vaescope.randomness import stream

IDENTITY = Check("an identity holds within its errors (where it does not, the draws or the program are wrong)", "FAIL")
SAMPLER_TEXTS = 64
"""Smallest number of drawn texts for a PASS of sampler against scorer."""
NULL_TEXTS = 500
"""Texts of the check with the prior in place of q(z|x)."""
ROUNDING = 1e-3
"""Nats by which an identity may be off for any N: float32 densities have a systematic error of 1e-4."""


def evidence_identities(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Check the evidence before anything is estimated from it; an identity that fails blocks the diagnostics that
    depend on it."""
    draws = evidence.draws
    checks = [
        _sampler(evidence, thresholds),
        _repeated(evidence, thresholds),
        _rate_by_samples(draws, thresholds),
        _bound_order(draws, thresholds),
        _entropy(evidence, thresholds),
        _null_collapse(draws),
    ]
    return [check for check in checks if check is not None]


def estimate_identities(evidence: Evidence, estimates: Estimates, thresholds: Thresholds) -> list[Finding]:
    """Check the relations between the estimates; each finding is PASS or FAIL."""
    checks = []
    if "mutual_information" in estimates:
        checks.append(_ceiling(evidence.draws, estimates, thresholds))
        checks.append(_bounds_agree(evidence.information_ends, thresholds))
    if {"rate", "mutual_information", "marginal_kl"} <= set(estimates):
        checks.append(_decomposition(estimates))
    return checks


def _sampler(evidence: Evidence, thresholds: Thresholds) -> Finding | None:
    """Sampler and scorer use the same model: their log-probabilities of a text are equal."""
    simulations = evidence.simulations
    if simulations is None or simulations.sampler_error is None or len(simulations.sampler_error) == 0:
        return None
    error, compared = simulations.sampler_error.max().item(), len(simulations.sampler_error)
    message = f"log p(x|z) by the sampler and by the scorer differ by at most {error:.2g} nats/token"
    message += f" on {compared} drawn texts"
    if error <= thresholds.sampler_error and compared < SAMPLER_TEXTS:
        enough = Check(f"they agree on at least {SAMPLER_TEXTS} texts", "UNRESOLVED")
        return enough.judge("identity_sampler", False, message, next_step=f"draw at least {SAMPLER_TEXTS} texts")
    step = "the decoder is conditioned in another way when it samples: no number on drawn texts means anything"
    return IDENTITY.judge("identity_sampler", error <= thresholds.sampler_error, message, next_step=step)


def _repeated(evidence: Evidence, thresholds: Thresholds) -> Finding | None:
    """The same texts and z have the same likelihood in any batch."""
    if (repeated_P := evidence.experiments.repeated) is None:
        return None
    error = repeated_P.max().item()
    message = f"log p(x|z) scored again, one text at a time, differs by at most {error:.2g} nats/token"
    step = "the model is not in evaluation mode, or reads its padding"
    return IDENTITY.judge("identity_repeated", error <= thresholds.sampler_error, message, next_step=step)


def _null_collapse(draws: Draws) -> Finding | None:
    """With the prior in place of q(z|x), information, marginal KL and total correlation of the same N are 0."""
    if draws.prior_z is not None:
        return None
    count = min(draws.texts, NULL_TEXTS)
    normal_ND = torch.randn(count, draws.latent_size, generator=stream(0, "null collapse"))
    zeros_ND = torch.zeros_like(normal_ND)
    null = AggregatePosterior(
        replace(draws, posterior_mean=zeros_ND, posterior_std=zeros_ND + 1, z=normal_ND[None], text_id=None)
    )
    values = [
        jackknife.value(null.information),
        jackknife.value(null.rate - null.information),
        jackknife.value(null.marginals.joint - null.marginals.upper),
    ]
    worst = max(map(abs, values))
    message = "with the prior in place of q(z|x), information, marginal KL and total correlation are "
    message += f"{values[0]:.2g}, {values[1]:.2g} and {values[2]:.2g} nats"
    return IDENTITY.judge("identity_null", worst <= 1e-3, message, next_step="the estimators are wrong: report it")


def _rate_by_samples(draws: Draws, thresholds: Thresholds) -> Finding | None:
    """Closed-form against Monte Carlo rate, paired by text."""
    if draws.unit_rates is None:
        return None
    difference = ((draws.log_q_z_x.double() - draws.log_p_z.double()).mean(0) - draws.rates).mean().item()
    slack = _slack_of_samples(draws, thresholds)
    message = f"rate by samples - closed form = {difference:.2g} nats, by chance at most {slack:.2g}"
    holds = abs(difference) <= slack
    return IDENTITY.judge("identity_rate", holds, message, next_step="z is not drawn from the stated posterior")


def _bound_order(draws: Draws, thresholds: Thresholds) -> Finding:
    """ELBO (with the rate as it is reported) <= importance-weighted bound, paired by text.

    With the rate by the same samples Jensen's inequality always holds. With the closed form it is a test, whose
    tolerance is the difference of the two rates.
    """
    gap = mean_of(
        log_mean_exp(draws.log_weights) + draws.distortions + draws.rates, unit="nats/text", copies=draws.clusters()
    )
    message = f"log-likelihood - ELBO, paired by text, is {gap.value:.2g} ± {gap.se:.2g} nats"
    holds = gap.value >= -_slack_of_samples(draws, thresholds)
    return IDENTITY.judge(
        "identity_bounds",
        holds,
        message,
        next_step="the densities of the samples are not those of q(z|x) and p(z)",
    )


def _entropy(evidence: Evidence, thresholds: Thresholds) -> Finding | None:
    """The texts are drawn from the distribution whose entropy is given: the mean of -log q(x) is H(X)."""
    entropy, log_q_x = evidence.facts.entropy, evidence.draws.log_q_x
    if log_q_x is None or entropy is None:
        return None
    found = mean_of(-log_q_x, unit="nats/text")
    found = replace(found, se=math.hypot(found.se, evidence.facts.entropy_se))
    message = f"mean -log q(x) = {found.value:.3f}, H(X) = {entropy:.3f} nats, ± {found.se:.2g} on their difference"
    holds = abs(found.value - entropy) <= _slack(found, thresholds) + 1e-6 * abs(entropy)
    return IDENTITY.judge(
        "identity_entropy",
        holds,
        message,
        next_step="the texts are not drawn from the distribution of this entropy",
    )


def _ceiling(draws: Draws, estimates: Estimates, thresholds: Thresholds) -> Finding:
    """I_self <= log N and I_self <= R."""
    information, rate = estimates["mutual_information"], draws.rates.mean().item()
    ceiling = draws.copies.entropy
    index_code = float(information.detail["index_code"])
    holds = index_code <= min(ceiling + 1e-6, rate + _slack(information, thresholds))
    message = f"information {index_code:.2f} <= log N = {ceiling:.2f} and <= rate {rate:.2f} nats"
    return IDENTITY.judge("identity_information", holds, message, next_step="z is not drawn from the stated posterior")


def _bounds_agree(ends: InformationEnds, thresholds: Thresholds) -> Finding:
    """No lower bound of the information is above an upper one by more than the error of their difference."""
    least, named = -math.inf, ("self", "rate")
    for low, lower in ends.lower.items():
        for high, upper in ends.upper.items():
            # both may contain H(X), whose error then drops out of the difference
            also = abs(ends.errors.get(low, 0.0) - ends.errors.get(high, 0.0))
            error = math.hypot(jackknife.standard_error(lower - upper), also)
            slack = deviations(thresholds.identity_sigmas, len(lower) - 1) * error + ROUNDING
            excess = jackknife.value(lower - upper) - slack
            if excess > least:
                least, named = excess, (low, high)
    values = [jackknife.value(bound) for bound in (ends.lower[named[0]], ends.upper[named[1]])]
    message = f"information is at least {values[0]:.2f} nats by {WORDS[named[0]]} and at most {values[1]:.2f} by "
    message += WORDS[named[1]]
    message += f": they contradict each other by {least:.2g} nats beyond their errors" if least > 0 else ""
    step = "one of them is wrong: the entropy, the densities, or encodings that are not of this model and these texts"
    return IDENTITY.judge("identity_information_bounds", least <= 0, message, next_step=step)


def _decomposition(estimates: Estimates) -> Finding:
    """Rate = information + marginal KL, and the marginal KL is not negative."""
    rate, information = estimates["rate"].value, estimates["mutual_information"].value
    marginal = estimates["marginal_kl"]
    error = abs(rate - information - marginal.value)
    message = f"rate {rate:.2f} = information {information:.2f} + marginal KL {marginal.value:.2f} nats"
    holds = error <= 1e-6 + 1e-9 * abs(rate) and marginal.high >= 0
    return IDENTITY.judge(
        "identity_rate_split",
        holds,
        message,
        next_step="the marginal KL is negative: z and densities disagree",
    )


def _slack(estimate: Estimate, thresholds: Thresholds) -> float:
    """Tolerance of an identity: chance and rounding."""
    return deviations(thresholds.identity_sigmas, estimate.n) * estimate.se + ROUNDING


def _slack_of_samples(draws: Draws, thresholds: Thresholds) -> float:
    """Tolerance of the rate by samples against the closed form, for any N and S; only rounding without a closed form.

    With z = m + s e the samples differ by a (e^2 - 1) + m s e, a = (s^2 - 1)/2, whose variance is known. A sum of such
    squares has heavier tails than a normal variable: P(|sum| > sqrt(2 v t) + 2 max|a| t) <= 2 exp(-t) (Laurent and
    Massart 2000, lemma 1).
    """
    if draws.unit_rates is None:
        return ROUNDING
    count = draws.texts * draws.samples
    mean_ND, variance_ND = draws.posterior_mean.double(), draws.posterior_std.double().square()
    factor_ND = (variance_ND - 1) / 2
    variance = (2 * factor_ND.square() + mean_ND.square() * variance_ND).sum().item() * draws.samples / count**2
    exponent = -math.log(float(stats.norm.sf(thresholds.identity_sigmas)))
    return math.sqrt(2 * variance * exponent) + 2 * factor_ND.abs().max().item() / count * exponent + ROUNDING
