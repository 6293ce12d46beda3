"""Maximum mean discrepancy: any smooth mismatch of q(z) and p(z), with a calibrated permutation test."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.against_prior import encodings, prior_samples, refit_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import mmd
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.evidence import Evidence

MOST, PERMUTED, FEWEST = 1000, 500, 5


class Mmd(Diagnostic):
    """MMD^2 / E k(z, z'), z, z' ~ p(z), by the kernel of the median heuristic, on at most 1,000 texts.

    Unbiased, so it can be negative. For a shift by s prior standard deviations in every unit it is about s^2/2 at any
    D, while plain MMD^2 vanishes with D. The p-value uses the best of ten bandwidths, calibrated on the same
    permutations of at most 500 texts.
    """

    no_truth: ClassVar[str] = "it depends on a bandwidth chosen from the data; its null rate is checked"
    consistency = True
    suite = "full"

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        if (texts := len(encodings(draws))) < FEWEST:
            raise Missing(f"{texts} distinct texts are too few for an error: assess at least {FEWEST}")
        z_ND = encodings(draws, most=MOST)
        prior_ND = prior_samples(draws, len(z_ND), "mmd")
        z_ND = z_ND[: len(prior_ND)]
        width = mmd.median_width(prior_ND).item()
        if draws.prior_z is None:
            scale = mmd.gaussian_kernel_mean(draws.latent_size, width)
        else:
            distances = mmd.squared_distances(prior_ND, prior_ND)
            n = len(prior_ND)
            scale = (((distances / (-2 * width)).exp().sum() - n) / (n * (n - 1))).item()
        squared = mmd.squared_mmd(z_ND, prior_ND, [width]).item()
        estimate = Estimate(
            value=squared / scale,
            se=mmd.standard_error(z_ND, prior_ND, width) / scale,
            unit="of the prior's kernel mean",
            kind="unbiased" if draws.prior_z is None else "consistent",
            n=len(z_ND),
            detail={
                "squared_mmd": squared,
                "bandwidth": width**0.5,
                "p_value": mmd.permutation_p_value(z_ND[:PERMUTED], prior_ND[:PERMUTED]),
            },
        )
        return {"mmd": estimate}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the effect; the p-value only says whether it is detectable."""
        estimate = estimates["mmd"]
        message = f"MMD^2 is {estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}] of the prior's kernel mean"
        message += f" (p = {estimate.detail['p_value']:.3g} with {min(estimate.n, PERMUTED)} texts)"
        rule = Rule(thresholds.mmd_pass, thresholds.mmd_fail, estimate.unit)
        step = f"{refit_prior(evidence.draws)}, or constrain the mmd"
        return [rule.judge("mmd", estimate, message, next_step=step)]
