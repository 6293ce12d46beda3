"""Conversion efficiency: nats of distortion saved per nat of rate, (NLL of a language model - D) / R."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import torch
from typing_extensions import override

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.ratio import ratio
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.evidence import Evidence, need


class ConversionEfficiency(Diagnostic):
    """G = NLL_LM - D, the distortion gain, and G/R, against a language model of equal size on the same texts.

    If the baseline has one number per text, the differences are paired, and the errors small. G is *no* lower bound
    of the information, since NLL_LM >= H(X).
    """

    truths: ClassVar = {"distortion_gain": "distortion_gain", "conversion_efficiency": "conversion_efficiency"}

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        baseline = need(evidence.facts.language_model_nll, "language-model baseline", "assess with --control RUN")
        if not draws.rates.mean() > 0:
            raise Missing("a rate above zero: a language model has no conversion efficiency")
        rate = mean_of(draws.rates, unit="nats/text", copies=draws.clusters())
        if baseline.per_text is not None:
            gain_N = torch.tensor(baseline.per_text, dtype=torch.float64) - draws.distortions
            gain = mean_of(gain_N, unit="nats/text", copies=draws.clusters())
            efficiency = ratio(gain_N, draws.rates, unit="nats/nat", kind="consistent", copies=draws.clusters())
        else:
            distortion = mean_of(draws.distortions, unit="nats/text", copies=draws.clusters())
            value, se = baseline.value - distortion.value, math.hypot(baseline.se, distortion.se)
            gain = replace(distortion, value=value, se=se, low=math.nan, high=math.nan)
            share = value / rate.value
            error = math.hypot(se, share * rate.se) / rate.value
            efficiency = Estimate(value=share, se=error, unit="nats/nat", kind="consistent", n=distortion.n)
        detail = {"paired": baseline.per_text is not None, "rate": rate.value}
        return {"distortion_gain": gain, "conversion_efficiency": replace(efficiency, detail=detail)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge how much distortion a nat of rate saves."""
        draws = evidence.draws
        share, gain = estimates["conversion_efficiency"], estimates["distortion_gain"]
        rule = Rule(thresholds.efficiency_pass, thresholds.efficiency_fail, "nats per nat", good="above")
        message = f"{gain.value:.2f} nats of distortion for {draws.rates.mean().item():.2f} nats of rate: "
        message += f"{share.value:.2f} per nat [{share.low:.2f}, {share.high:.2f}]"
        if draws.rates.mean().item() < thresholds.latent_use:
            return [rule.vacuous("conversion_efficiency", f"{message}: the rate is negligible")]
        step = "lower the target rate, or strengthen how z reaches the decoder"
        return [rule.judge("conversion_efficiency", share, message, next_step=step)]
