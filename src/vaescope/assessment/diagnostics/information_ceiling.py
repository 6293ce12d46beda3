"""Information ceiling: how much of the rate can be information about a text at all, and how much must be waste?"""

from __future__ import annotations

import math
from typing import ClassVar

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.estimate import mean_of
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.information_ends import code_lengths

WORDS = {"vocabulary": "tokens times log V", "language_model": "the language model's -log p(x)"}


class InformationCeiling(Diagnostic):
    """I(X;Z) <= H(X) <= the length of the text in any code: T log V, or -log p(x) of a language model.

    So R minus the shortest code is at most R - I, the marginal KL. No density of q(z) and no large N are needed.
    """

    no_truth: ClassVar[str] = "a bound of the entropy; models of known entropy check that it is one"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``information_ceiling`` (nats/text) and ``information_ceiling_waste``, the rate beyond it."""
        draws = evidence.draws
        codes = code_lengths(draws, evidence.facts)
        if not codes:
            raise Missing("no code of the texts: give the fact 'vocabulary', or assess with --control RUN")
        by = min(codes, key=lambda name: codes[name].mean().item())
        detail = {"by": by, **{name: cost_N.mean().item() for name, cost_N in codes.items()}}
        copies = draws.clusters()
        ceiling = mean_of(codes[by], unit="nats/text", kind="upper", detail=detail, copies=copies)
        waste = mean_of(draws.rates - codes[by], unit="nats/text", kind="lower", detail={"by": by}, copies=copies)
        return {"information_ceiling": ceiling, "information_ceiling_waste": waste}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge whether the rate is surely above what any code of the texts needs."""
        waste, ceiling = estimates["information_ceiling_waste"], estimates["information_ceiling"]
        rate = evidence.draws.rates.mean().item()
        message = (
            f"at most {ceiling.value:.2f} nats of the rate {rate:.2f} are information, by {WORDS[waste.detail['by']]}"
        )
        if waste.low > 0:
            message += f": at least {waste.low:.2f} nats are marginal KL, whatever the decoder does"
        rule = Rule(0.0, math.inf, waste.unit, subject="the rate beyond the ceiling", sure=False)
        step = "lower the rate: a clamp or a target beyond the ceiling pays for encodings unlike the prior"
        return [rule.judge("information_ceiling", waste, message, next_step=step)]
