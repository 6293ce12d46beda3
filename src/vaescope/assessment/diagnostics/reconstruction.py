"""Reconstruction: how much of a text is recovered from its posterior mean: exact matches and BLEU."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from typing_extensions import override

from vaescope.assessment.bleu import bleu, counts, order_of
from vaescope.assessment.diagnostic import Diagnostic, Results, attempt
from vaescope.assessment.units import unit_of
from vaescope.errors import Missing
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate, binomial_interval
from vaescope.estimators.share import NORMAL, bounded, share_of
from vaescope.evidence.evidence import Evidence, need
from vaescope.randomness import numpy_stream

RESAMPLES = 200


class Reconstruction(Diagnostic):
    """The greedy text at the posterior mean against the text; the detail has the same against *another* text's.

    The text is decoded from its tokens. BLEU uses words, or characters if the texts have no spaces between words, in
    sequences of up to four, or fewer if all texts are shorter (details ``unit`` and ``order``). BLEU of shuffled pairs
    is the overlap of unrelated texts of the corpus. Errors by the bootstrap over distinct texts: copies of a text count
    as one observation.
    """

    no_truth: ClassVar[str] = "it compares texts that the model decodes"
    blocked_by = ("identity_sampler",)
    suite = "full"

    @override
    def estimate(self, evidence: Evidence) -> Results:
        simulations = need(evidence.simulations, "drawn texts", "assess with suite=full")
        again = need(simulations.reconstructions, "reconstructions", "decode the posterior means")
        seeds = need(simulations.seeds, "texts that were reconstructed", "give their positions as 'seeds'")
        strings = need(evidence.strings, "strings of the texts", "give them as Facts(strings=...)")
        texts = [strings[i] for i in seeds.tolist()]
        unit, split = unit_of(texts)
        rows = np.stack([counts(new, old, split) for new, old in zip(again, texts, strict=True)])
        shuffled = np.stack([counts(new, old, split) for new, old in zip(again, texts[1:] + texts[:1], strict=True)])
        order = order_of(rows)
        copies = Copies.of_strings(texts)
        same = torch.tensor([a.split() == b.split() for a, b in zip(again, texts, strict=True)])
        exact = attempt(lambda: share_of(same, copies=copies))
        if order == 0:
            return {"reconstruction_bleu": Missing("the texts are empty"), "reconstruction_exact": exact}
        detail = {"shuffled": bleu(shuffled, order), "unit": unit, "order": order}
        found = attempt(lambda: replace(_bleu(rows, order, copies), detail=detail))
        return {"reconstruction_bleu": found, "reconstruction_exact": exact}


def _bleu(rows: np.ndarray, order: int, copies: Copies) -> Estimate:
    """BLEU with its bootstrap error over distinct texts.

    If all texts agree, 1 or 0, the interval reaches what a text that was not seen can change: of n texts a share of at
    most h is of another kind (``binomial_interval``), so BLEU is at least 1 - h, or the orders without a match have at
    most h of their sequences right.
    """
    if copies.distinct < 2:
        raise Missing("the texts are all equal, so the error is unknown: assess at least 2 distinct texts")
    generator = numpy_stream(0, "bootstrap of BLEU")
    resampled = [bleu(rows * copies.resampled(generator)[:, None], order) for _ in range(RESAMPLES)]
    value, n = bleu(rows, order), max(2, round(copies.effective))
    found = Estimate(value, float(np.std(resampled)), "BLEU in [0, 1]", "consistent", n)
    if value > 0:
        return bounded(found, 0.0, 1.0)
    total, (_, others) = rows.sum(0), binomial_interval(0.0, n)
    total[: 3 * order : 3] = np.maximum(total[: 3 * order : 3], others * total[1 : 3 * order : 3])
    high = max(found.high, bleu(total[None], order))
    return replace(found, se=found.se or high / (2 * NORMAL), low=0.0, high=min(1.0, high))
