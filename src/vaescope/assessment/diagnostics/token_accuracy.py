"""Token accuracy: how often the next token is predicted with z of the text, and how much less often with z of the
prior."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.positions import profile, profile_figure, token_mean
from vaescope.evidence.evidence import Evidence, need

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TokenAccuracy(Diagnostic):
    """Teacher-forced: the previous tokens are given. The drop along the text shows where the decoder needs z."""

    no_truth: ClassVar[str] = "it counts tokens that a model predicts"
    suite = "full"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``token_accuracy`` and ``token_accuracy_drop`` with their profiles along the relative position."""
        tokens = need(evidence.experiments.tokens, "token predictions", "assess with suite=full")
        values = {
            "token_accuracy": tokens.correct_posterior,
            "token_accuracy_drop": tokens.correct_posterior - tokens.correct_prior,
        }
        least = {"token_accuracy": 0.0, "token_accuracy_drop": -1.0}
        return {
            name: token_mean(
                value,
                tokens.text,
                evidence.draws,
                unit="share",
                detail={"profile": profile(value, tokens.position)},
                limits=(least[name], 1.0),
            )
            for name, value in values.items()
        }

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Accuracy with z of the text, and its drop with z of the prior, in ten parts of the text."""
        labels = {"token_accuracy": "token accuracy", "token_accuracy_drop": "token accuracy drop"}
        return profile_figure(labels, estimates, "share of tokens")
