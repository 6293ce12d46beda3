"""PQMass: do cells of the latent space hold as many encodings as samples of the prior?"""

from __future__ import annotations

import math
from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.against_prior import RICHER_PRIOR, encodings, prior_samples
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.estimate import Estimate, quantile
from vaescope.estimators.jackknife import block_count
from vaescope.estimators.voronoi import compare_cells
from vaescope.evidence.evidence import Evidence

FEWEST, MOST = 20, 4000


class Pqmass(Diagnostic):
    """Jensen-Shannon divergence of q(z) and p(z) over Voronoi cells around random points, with an exact p-value.

    At most the divergence of q(z) and p(z) themselves. Lemos et al. 2024, arXiv:2402.04355.
    """

    no_truth: ClassVar[str] = "it depends on random cells; its null and its bound are checked"
    consistency = True
    suite = "full"

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        z_ND = encodings(evidence.draws, most=MOST)
        prior_MD = prior_samples(evidence.draws, len(z_ND), "cells")
        if min(len(z_ND), len(prior_MD)) < FEWEST:
            raise Missing(f"fewer than {FEWEST} distinct texts or samples of the prior: assess more texts")
        found = compare_cells(z_ND, prior_MD)
        reach = quantile(block_count(min(len(z_ND), len(prior_MD)))) * found.se
        estimate = Estimate(
            value=found.divergence,
            se=found.se,
            unit="nats",
            kind="lower",
            n=len(z_ND),
            low=found.divergence - reach,
            high=found.divergence + reach,
            ceiling=math.log(2),
            detail={"p_value": found.p_value, "cells": found.cells},
        )
        return {"pqmass": estimate}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the divergence like the gain of a classifier, which is a lower bound of the same one."""
        estimate = estimates["pqmass"]
        message = f"cells of the latent space tell encodings from the prior by {max(0.0, estimate.value):.3f} nats "
        message += f"[{max(0.0, estimate.low):.3f}, {max(0.0, estimate.high):.3f}] of log 2; "
        message += f"p = {estimate.detail['p_value']:.3g} in {estimate.detail['cells']} cells"
        rule = Rule(thresholds.classifier_pass, thresholds.classifier_fail, estimate.unit)
        return [rule.judge("pqmass", estimate, message, next_step=RICHER_PRIOR)]
