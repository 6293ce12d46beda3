"""Token divergence: how far z of the text moves predictions from those with z of the prior, Jensen-Shannon."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.positions import profile, profile_figure, token_mean
from vaescope.evidence.evidence import Evidence, need

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TokenDivergence(Diagnostic):
    """JS(p(x_t|x_<t, z), p(x_t|x_<t, z')) in [0, log 2], z ~ q(z|x), z' ~ p(z); the null takes both from q(z|x)."""

    no_truth: ClassVar[str] = "it compares predictions of a model"
    suite = "full"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``token_divergence`` and ``token_divergence_null`` with their profiles along the relative position."""
        tokens = need(evidence.experiments.tokens, "token predictions", "assess with suite=full")
        values = {"token_divergence": tokens.divergence, "token_divergence_null": tokens.divergence_null}
        profiles = {name: profile(value, tokens.position) for name, value in values.items()}
        details = {name: {"profile": line, "largest_possible": math.log(2)} for name, line in profiles.items()}
        return {
            name: token_mean(
                value,
                tokens.text,
                evidence.draws,
                unit="nats/token",
                detail=details[name],
                limits=(0.0, math.log(2)),
            )
            for name, value in values.items()
        }

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """The divergence in ten parts of the text, with that of two samples of q(z|x) as the null."""
        labels = {"token_divergence": "prior z", "token_divergence_null": "another posterior z"}
        return profile_figure(labels, estimates, "divergence (nats)")
