"""Perplexity: exp of the negative log-likelihood per predicted token, and per word (with one end-of-text per text)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from vaescope.assessment.diagnostic import Diagnostic, Results
from vaescope.assessment.lost_text import comparable
from vaescope.assessment.ratio import perplexity
from vaescope.assessment.units import unit_of
from vaescope.errors import Missing
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.evidence import Evidence


class Perplexity(Diagnostic):
    """exp(-sum log p(x) / sum tokens) over the corpus, from the importance-weighted bound: an upper bound.

    The tokens are the predicted ones (EOS yes, BOS and padding no); the words are those of the text and one EOS. Per
    word it is computed on texts whose words survive tokenization.
    """

    truths: ClassVar = {"perplexity_per_token": "perplexity"}

    def estimate(self, evidence: Evidence) -> Results:
        """Return ``perplexity_per_token`` and, where the words are known, ``perplexity_per_word``."""
        draws = evidence.draws
        bound_N = log_mean_exp(draws.log_weights)
        per_token = perplexity(bound_N, draws.tokens, unit="1/token", copies=draws.clusters())
        return {"perplexity_per_token": per_token, "perplexity_per_word": self._per_word(evidence, bound_N)}

    def _per_word(self, evidence: Evidence, bound_N: Tensor) -> Estimate | Missing:
        draws, strings = evidence.draws, evidence.strings
        if draws.words is None:
            return Missing("no 'words': give the words of each text")
        if strings is not None and unit_of(strings)[0] != "word":
            return Missing("the texts have no white space between words: read bits_per_byte instead")
        try:
            kept_N = comparable(evidence.facts.recovered_words, draws.texts, "words")
        except Missing as reason:
            return reason
        copies = draws.clusters(kept_N)
        return perplexity(bound_N[kept_N], draws.words[kept_N] + 1, unit="1/(word or EOS)", copies=copies)
