"""Resolution: how the intervals of information and marginal KL narrow as more texts are assessed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.diagnostics.marginal_kl import marginal_kl
from vaescope.assessment.diagnostics.mutual_information import mutual_information
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HALVINGS = 4
FEWEST = 20
"""Smallest number of texts for a point of the curve."""


class Resolution(Diagnostic):
    """The width of the interval of the information, and the ends of both intervals for the first n = N, N/2, ... texts.

    Only the assessed texts are halved; all encodings of other texts are used at every n. The figure
    draws the ends over n, with log n, the largest I_self of n texts.
    """

    suite = "full"
    no_truth = "it is the width of an interval, which the intervals' own truths check"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``resolution``, whose detail holds the curve."""
        texts = evidence.draws.texts
        sizes = [texts >> k for k in range(HALVINGS, 0, -1) if texts >> k >= FEWEST]
        curve = {str(n): _ends(first_texts(evidence, n)) for n in sizes} | {str(texts): _ends(evidence)}
        low, high = curve[str(texts)]["mutual_information"]
        return {"resolution": Estimate(high - low, 0.0, "nats/text", "exact", texts, detail=curve)}

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Draw both ends of I and of the marginal KL over the number of texts."""
        curve = estimates["resolution"].detail
        sizes = np.array([int(n) for n in curve])
        figure, panels = plotting.axes(7.2, 3, columns=2)
        for axes, name, label in zip(
            panels, ("mutual_information", "marginal_kl"), ("I(X;Z)", "KL(q(z) ‖ p(z))"), strict=True
        ):
            low, high = np.array([ends[name] for ends in curve.values()]).T
            axes.fill_between(sizes, low, high, color=plotting.INK, alpha=0.15, linewidth=0)
            axes.plot(sizes, low, color=plotting.INK, marker="o", ms=3)
            axes.plot(sizes, high, color=plotting.INK, marker="o", ms=3)
            axes.set(xscale="log", xlabel="texts n", ylabel="nats per text", title=label)
            plotting.ticks(axes, sizes)
        panels[0].plot(sizes, np.log(sizes), color=plotting.INK, linestyle="--", label="log n")
        panels[0].legend(frameon=False)
        return figure


def first_texts(evidence: Evidence, n: int) -> Evidence:
    """Return the evidence of only the first n texts, with the same encodings of other texts."""
    draws, references = evidence.draws, evidence.references
    kept = Draws(
        posterior_mean=draws.posterior_mean[:n],
        posterior_std=draws.posterior_std[:n],
        z=draws.z[:, :n],
        log_p_x_z=draws.log_p_x_z[:, :n],
        log_p_z=draws.log_p_z[:, :n],
        log_q_z_x=draws.log_q_z_x[:, :n],
        tokens=draws.tokens[:n],
        prior_z=draws.prior_z,
        log_q_x=None if draws.log_q_x is None else draws.log_q_x[:n],
        text_id=None if draws.text_id is None else draws.text_id[:n],
    )
    return Evidence(
        kept,
        facts=Facts(entropy=evidence.facts.entropy, entropy_se=evidence.facts.entropy_se),
        references=replace(
            references,
            log_densities={name: values_N[:n] for name, values_N in references.log_densities.items()},
            text_space=None if references.text_space is None else references.text_space[:, :n],
        ),
    )


def _ends(evidence: Evidence) -> dict[str, list[float]]:
    """The ends of both intervals."""
    information, marginal = mutual_information(evidence), marginal_kl(evidence)
    return {
        "mutual_information": [information.low, information.high],
        "marginal_kl": [marginal.low, marginal.high],
    }
