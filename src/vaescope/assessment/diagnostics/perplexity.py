"""Perplexity: exp of the negative log-likelihood per predicted token, and per word with one end per text."""

from __future__ import annotations

from vaescope.assessment.diagnostic import Diagnostic, Results
from vaescope.assessment.ratio import perplexity
from vaescope.errors import Missing
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.evidence import Evidence


class Perplexity(Diagnostic):
    """exp(-sum log p(x) / sum tokens) over the corpus, from the importance-weighted bound: an upper bound.

    The tokens are the predicted ones (EOS yes, BOS and padding no); the words are those of the text and one EOS.
    """

    def estimate(self, evidence: Evidence) -> Results:
        """Return ``perplexity_per_token`` and, where the words are known, ``perplexity_per_word``."""
        draws = evidence.draws
        bound_N = log_mean_exp(draws.log_weights)
        per_token = perplexity(bound_N, draws.tokens, unit="1/token")
        per_word: Estimate | Missing = Missing("no 'words': give the words of each text")
        if draws.words is not None:
            per_word = perplexity(bound_N, draws.words + 1, unit="1/(word or EOS)")
        return {"perplexity_per_token": per_token, "perplexity_per_word": per_word}
