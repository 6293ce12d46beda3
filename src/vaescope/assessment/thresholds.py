"""The thresholds of the findings: conventions, in one place, with a version; every one can be overridden.

They are choices of effect sizes in nats that matter to a person, so a finding always shows its number with its verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from vaescope.errors import UserError, unknown

VERSION = "3"


@dataclass(frozen=True)
class Thresholds:
    """The limits of PASS, WARN and FAIL; in nats per text unless stated otherwise.

    >>> Thresholds.override({"latent_use": 0.5}).latent_use
    0.5
    """

    latent_use: float = 0.1
    """Rate and information below this: the model is collapsed."""
    use_share: float = 0.1
    """Cost of another text's z as a share of the rate, below which the decoder reads little of z; no unit."""
    saturation: float = 1.0
    """Information is unresolved when it is nearer than this to its ceiling log N."""
    resolved_width: float = 1.0
    """... or when its interval is wider than this,"""
    resolved_share: float = 0.2
    """and also wider than this share of its upper end."""
    information_share_pass: float = 0.5
    information_share_fail: float = 0.25
    """Share of the rate that is information about the text; no unit."""
    marginal_kl_pass: float = 0.5
    marginal_kl_pass_share: float = 0.05
    """PASS below the larger of the two, the second as a share of the rate."""
    marginal_kl_fail: float = 1.0
    marginal_kl_fail_share: float = 0.2
    """FAIL above the larger of the two."""
    inference_gap_pass: float = 0.5
    inference_gap_pass_share: float = 0.1
    inference_gap_fail: float = 2.0
    inference_gap_fail_share: float = 0.5
    good_tail_share: float = 0.05
    """Share of texts with an unreliable bound above which the bound is doubtful, unless doubling S gains little,"""
    bad_tail_share: float = 0.2
    """and above which it may only be reported as a bound."""
    doubling_gain: float = 0.1
    """Gain of the importance-weighted bound by doubling S that still counts as converged."""
    copies: float = 0.1
    """Share of the texts that may be copies of another one; no unit."""
    identity_sigmas: float = 4.0
    """Standard errors by which an identity may fail."""
    coverage_pass: float = 0.03
    coverage_fail: float = 0.1
    """How far the coverage of a 90% interval may be from 90% (Holm-adjusted bands crossed within the first: WARN)."""
    joint_gain_pass: float = 0.01
    joint_gain_fail: float = 0.05
    """Held-out gain of a classifier that tells pairs (x, z) of the model from those of the encoder."""
    null_multiple_pass: float = 2.0
    null_multiple_fail: float = 5.0
    """Distance of a statistic between texts of model and data, in 95% quantiles of that between halves of the data."""
    constant_share_pass: float = 0.05
    constant_share_fail: float = 0.5
    """Share of drawn texts that differ in a statistic which all texts of the data have in common."""
    attention_pass: float = 0.01
    """Share of the attention on the latent slots below which the decoder hardly attends to them; no unit."""
    unfinished_share: float = 0.05
    """Share of drawn texts that may be cut off by the length limit."""
    sampler_error: float = 1e-3
    """Nats per token by which sampler and scorer may differ (rounding of float32)."""
    efficiency_pass: float = 0.5
    efficiency_fail: float = 0.25
    """Nats of distortion saved per nat of rate: enough above the first, too few below the second; no unit."""
    multiplier_warn: float = 0.9
    multiplier_fail: float = 1.0
    """Multiplier of a rate constraint; at 1 forced rate saves no distortion (stationarity); no unit."""
    margin_distance_pass: float = 0.1
    margin_distance_fail: float = 0.2
    """Kolmogorov-Smirnov distances of one-dimensional distributions, as probabilities."""
    mmd_pass: float = 0.05
    mmd_fail: float = 0.25
    """MMD^2 as a share of the kernel's mean under the prior: about half the squared shift per unit; no unit."""
    classifier_pass: float = 0.01
    classifier_fail: float = 0.05
    """Held-out gain of a classifier that tells encodings from the prior (a lower bound of a divergence)."""
    wasserstein_pass: float = 0.1
    wasserstein_fail: float = 0.5
    """Sliced Wasserstein distance, in latent units (the prior's standard deviations)."""
    holes_pass: float = 0.05
    holes_fail: float = 0.2
    """Share of the prior where fewer texts are encoded than at 99% of the encodings (0.01 where q(z) = p(z))."""
    active_variance: float = 0.01
    """Variance of the posterior mean above which a unit is active (Burda et al. 2016); not in nats."""

    def marginal_kl_limits(self, rate: float) -> tuple[float, float]:
        """Return the limits of PASS and FAIL of the marginal KL at a rate."""
        return (
            max(self.marginal_kl_pass, self.marginal_kl_pass_share * rate),
            max(self.marginal_kl_fail, self.marginal_kl_fail_share * rate),
        )

    def inference_gap_limits(self, rate: float) -> tuple[float, float]:
        """Return the limits of PASS and FAIL of the inference gap at a rate."""
        return (
            max(self.inference_gap_pass, self.inference_gap_pass_share * rate),
            max(self.inference_gap_fail, self.inference_gap_fail_share * rate),
        )

    @classmethod
    def override(cls, values: Mapping[str, float] | None) -> Thresholds:
        """Return the table with some values replaced.

        Raises:
            UserError: an unknown threshold.
        """
        known = [f.name for f in fields(cls)]
        for name in values or {}:
            if name not in known:
                raise UserError(f"thresholds: {unknown('threshold', name, known)}")
        return cls(**(values or {}))
