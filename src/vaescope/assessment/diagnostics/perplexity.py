"""Perplexity: exp of the negative log-likelihood per predicted token, and per word with one end per text."""

from __future__ import annotations

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.ratio import perplexity
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.draws import Draws


class Perplexity(Diagnostic):
    """exp(-sum log p(x) / sum tokens) over the corpus, from the importance-weighted bound: an upper bound.

    The tokens are the predicted ones (EOS yes, BOS and padding no); the words are those of the text and one EOS.
    """

    def partly_missing(self, draws: Draws) -> dict[str, str]:
        """Say so where the words are unknown."""
        return {"perplexity_per_word": "the draws have no 'words'"} if draws.words is None else {}

    def estimate(self, draws: Draws) -> Estimates:
        """Return ``perplexity_per_token`` and, where the words are known, ``perplexity_per_word``."""
        bound_N = log_mean_exp(draws.log_weights)
        estimates = {"perplexity_per_token": perplexity(bound_N, draws.tokens, unit="1/token")}
        if draws.words is not None:
            estimates["perplexity_per_word"] = perplexity(bound_N, draws.words + 1, unit="1/(word or EOS)")
        return estimates
