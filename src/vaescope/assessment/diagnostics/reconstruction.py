"""Reconstruction: how much of a text is recovered from its posterior mean: exact matches and BLEU."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from typing_extensions import override

from vaescope.assessment.bleu import bleu, counts, order_of
from vaescope.assessment.diagnostic import Diagnostic, Results
from vaescope.assessment.units import unit_of
from vaescope.errors import Missing
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.evidence import Evidence, need
from vaescope.randomness import numpy_stream

RESAMPLES = 200


class Reconstruction(Diagnostic):
    """The greedy text at the posterior mean against the text; the detail has the same against *another* text's.

    The text is decoded from its tokens. BLEU uses words, or characters if the texts have no spaces between words, in
    sequences of up to four, or fewer if all texts are shorter (details ``unit`` and ``order``). BLEU of shuffled pairs
    is the overlap of unrelated texts of the corpus. Errors by the bootstrap over texts.
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
        generator = numpy_stream(0, "bootstrap of BLEU")
        resampled = [bleu(rows[generator.integers(len(rows), size=len(rows))], order) for _ in range(RESAMPLES)]
        same = torch.tensor([a.split() == b.split() for a, b in zip(again, texts, strict=True)])
        exact = mean_of(same, unit="share")
        if order == 0:
            return {"reconstruction_bleu": Missing("the texts are empty"), "reconstruction_exact": exact}
        return {
            "reconstruction_bleu": Estimate(
                value=bleu(rows, order),
                se=float(np.std(resampled)),
                unit="BLEU in [0, 1]",
                kind="consistent",
                n=len(rows),
                detail={"shuffled": bleu(shuffled, order), "unit": unit, "order": order},
            ),
            "reconstruction_exact": exact,
        }
