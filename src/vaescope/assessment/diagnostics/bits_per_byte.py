"""Bits per byte: the negative log-likelihood in bits over the UTF-8 bytes of the texts, free of the tokenizer."""

from __future__ import annotations

import math

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.ratio import ratio
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.evidence import Evidence, need


class BitsPerByte(Diagnostic):
    """-sum log2 p(x) / sum bytes over the corpus, from the importance-weighted bound: an upper bound.

    The end of each text is predicted, so its cost is included, but it is no byte.
    """

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``bits_per_byte``."""
        draws = evidence.draws
        bytes_N = need(draws.bytes, "'bytes'", "give the UTF-8 bytes of each text")
        bits_N = -log_mean_exp(draws.log_weights) / math.log(2)
        return {"bits_per_byte": ratio(bits_N, bytes_N, unit="bits/byte", kind="upper")}
