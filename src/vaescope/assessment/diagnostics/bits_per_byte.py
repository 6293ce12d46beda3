"""Bits per byte: the negative log-likelihood in bits over the UTF-8 bytes of the texts, whatever the tokens."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.lost_text import comparable
from vaescope.assessment.ratio import ratio
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.evidence import Evidence, need


class BitsPerByte(Diagnostic):
    """-sum log2 p(x) / sum bytes over the corpus, from the importance-weighted bound: an upper bound.

    The end of each text is predicted, so its cost is included, but it does not count as a byte. It is an upper bound
    for texts that decode to themselves. The others are left out, and if there are many, there is no estimate.
    """

    truths: ClassVar = {"bits_per_byte": "bits_per_byte"}

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        bytes_N = need(draws.bytes, "'bytes'", "give the UTF-8 bytes of each text")
        kept_N = comparable(evidence.facts.recovered, draws.texts, "bytes")
        bits_N = -log_mean_exp(draws.log_weights) / math.log(2)
        copies = draws.clusters(kept_N)
        found = ratio(bits_N[kept_N], bytes_N[kept_N], unit="bits/byte", kind="upper", copies=copies)
        share = {"texts_left_out": int((~kept_N).sum())}
        return {"bits_per_byte": replace(found, detail={**found.detail, **share})}
