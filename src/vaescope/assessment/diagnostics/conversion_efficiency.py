"""Conversion efficiency: nats of distortion bought per nat of rate, (NLL of a language model - D) / R."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.ratio import ratio
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import UserError
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.draws import Draws
from vaescope.evidence.metadata_check import is_number


class ConversionEfficiency(Diagnostic):
    """G = NLL_LM - D, the distortion gain, and G/R, against a language model of equal size on the same texts.

    ``metadata["language_model_nll"]`` holds ``per_text`` (N numbers: differences are paired, errors small) or
    ``value`` and ``se``, in nats per text. G is *no* lower bound of the information, since NLL_LM >= H(X).
    """

    requires = ("language_model_nll",)

    def missing(self, draws: Draws) -> str:
        """Say so without a baseline, and where there is no rate to buy anything with."""
        if reason := super().missing(draws):
            return reason
        return "" if draws.rates.mean() > 0 else "the rate is zero"

    def estimate(self, draws: Draws) -> Estimates:
        """Return ``distortion_gain`` and ``conversion_efficiency``."""
        baseline = _baseline(draws)
        rate = mean_of(draws.rates, unit="nats/text")
        if "per_text" in baseline:
            gain_N = torch.tensor(baseline["per_text"], dtype=torch.float64) - draws.distortions
            gain = mean_of(gain_N, unit="nats/text")
            efficiency = ratio(gain_N, draws.rates, unit="nats/nat", kind="consistent")
        else:
            distortion = mean_of(draws.distortions, unit="nats/text")
            value, se = baseline["value"] - distortion.value, math.hypot(baseline["se"], distortion.se)
            gain = replace(distortion, value=value, se=se, low=value - 1.96 * se, high=value + 1.96 * se)
            share = value / rate.value
            error = math.hypot(se, share * rate.se) / rate.value
            efficiency = Estimate(value=share, se=error, unit="nats/nat", kind="consistent", n=draws.texts)
        detail = {"paired": "per_text" in baseline, "rate": rate.value}
        return {"distortion_gain": gain, "conversion_efficiency": replace(efficiency, detail=detail)}

    def findings(self, estimates: Estimates, draws: Draws, thresholds: Thresholds) -> list[Finding]:
        """Judge what a nat of rate returns."""
        share, gain = estimates["conversion_efficiency"], estimates["distortion_gain"]
        passes, fails = thresholds.efficiency_pass, thresholds.efficiency_fail
        rule = f"PASS if surely at least {passes} nats per nat, FAIL if surely less than {fails}"
        message = f"{gain.value:.2f} nats of distortion for {draws.rates.mean().item():.2f} nats of rate: "
        message += f"{share.value:.2f} per nat [{share.low:.2f}, {share.high:.2f}]"
        if draws.rates.mean().item() < thresholds.latent_use:
            return [Finding("conversion_efficiency", "VACUOUS", f"{message}: there is no rate to speak of", rule)]
        step = "lower the target rate, or strengthen how z reaches the decoder"
        if share.low >= passes:
            return [Finding("conversion_efficiency", "PASS", message, rule)]
        return [Finding("conversion_efficiency", "FAIL" if share.high < fails else "WARN", message, rule, step)]


def _baseline(draws: Draws) -> dict:
    given = draws.metadata["language_model_nll"]
    if isinstance(given, Mapping):
        per_text = given.get("per_text")
        if isinstance(per_text, list) and len(per_text) == draws.texts and all(map(is_number, per_text)):
            return {"per_text": per_text}
        if per_text is None and is_number(given.get("value")) and is_number(given.get("se")):
            return {"value": float(given["value"]), "se": float(given["se"])}
    expected = f"'per_text' with {draws.texts} numbers, or 'value' and 'se', in nats per text"
    raise UserError(f"metadata 'language_model_nll': expected {expected}")
