"""Latent attention: the share of the decoder's attention that falls on the latent slots, by layer and position."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from matplotlib.figure import Figure

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.positions import profile, token_mean
from vaescope.assessment.thresholds import Thresholds
from vaescope.evidence.evidence import Evidence, need


class LatentAttention(Diagnostic):
    """Mean over heads, layers and tokens, from the attention function in use; for injections that add slots.

    Attention is not use: the decoder can attend to a slot that carries nothing (see its rate).
    """

    no_truth: ClassVar[str] = "a property of a network"
    suite = "full"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``latent_attention`` with its profile by layer."""
        tokens = need(evidence.experiments.tokens, "token predictions", "assess with suite=full")
        remedy = "only the injections memory and prefix add slots"
        attention_LT = need(evidence.experiments.attention, "attention on latent slots", remedy)
        profiles = {"profiles": [profile(mass_T, tokens.position) for mass_T in attention_LT]}
        share_T = attention_LT.double().mean(0)
        return {"latent_attention": token_mean(share_T, tokens.text, evidence.draws, unit="share", detail=profiles)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge whether the decoder attends to z at all."""
        estimate = estimates["latent_attention"]
        message = f"{estimate.value:.1%} of the decoder's attention falls on z"
        rule = Rule(thresholds.attention_pass, -math.inf, "of the attention", good="above", sure=False)
        step = "add the injection embedding, or start z sooner"
        return [rule.judge("latent_attention", estimate, message, next_step=step)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """The share by layer (rows) and position in the text (columns)."""
        figure, (axes,) = plotting.axes(5, 3)
        profiles = estimates["latent_attention"].detail["profiles"]
        rows = [[float("nan") if v is None else v for v in row] for row in profiles]
        image = axes.imshow(torch.tensor(rows).numpy(), aspect="auto", extent=(0, 1, len(rows) - 0.5, -0.5), vmin=0)
        figure.colorbar(image, label="share of the attention")
        axes.set(xlabel="position in the text", ylabel="layer", yticks=range(len(rows)))
        return figure
