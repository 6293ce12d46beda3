"""Latent sequence: what does each of several latents of a text cost, given the ones before it?"""

from __future__ import annotations

from typing import ClassVar

from matplotlib.figure import Figure

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.errors import Missing
from vaescope.estimators.estimate import mean_of
from vaescope.evidence.evidence import Evidence, need


class LatentSequence(Diagnostic):
    """The rate of each latent under the prior of a sequence, R_k = E [log q(z_k|x) - log p(z_k|z_1, ..., z_k-1)].

    They add up to the rate. Where the prior is learned, this is the cost under the learned prior.
    """

    no_truth: ClassVar[str] = "of several latents; an autoregressive linear-Gaussian model is its truth"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``latent_sequence``, the rate of a latent, with the rates by their place in the sequence."""
        draws = evidence.draws
        if draws.latents == 1:
            raise Missing("one latent per text: its rate is the rate")
        remedy = "give log p of each latent as 'log_p_z_latents', [Z, N, K]"
        rates_NK = need(draws.latent_rates, "prior of each latent", remedy)
        copies = draws.clusters()
        places = [mean_of(rate_N, unit="nats", copies=copies) for rate_N in rates_NK.mT]
        detail = {
            "latents": draws.latents,
            "rates": [e.value for e in places],
            "errors": [e.se for e in places],
            "tokens": draws.tokens.double().mean().item() / draws.latents,
        }
        return {"latent_sequence": mean_of(rates_NK.mean(1), unit="nats/latent", detail=detail, copies=copies)}

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Rate of each latent by its place, with an error of one standard error."""
        detail = estimates["latent_sequence"].detail
        figure, (axes,) = plotting.axes(5, 3)
        places = range(1, detail["latents"] + 1)
        axes.bar(places, detail["rates"], color=plotting.PALETTE[0])
        axes.errorbar(places, detail["rates"], detail["errors"], fmt="none", color=plotting.INK)
        axes.set(xlabel="latent of the text", ylabel="rate (nats)")
        return figure
