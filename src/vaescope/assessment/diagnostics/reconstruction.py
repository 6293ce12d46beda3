"""Reconstruction: how much of a text comes back from its posterior mean: exact matches and BLEU-4."""

from __future__ import annotations

import numpy as np
import torch

from vaescope.assessment.bleu import bleu, counts
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.evidence import Evidence, need

RESAMPLES = 200


class Reconstruction(Diagnostic):
    """The greedy text at the posterior mean against the text; the detail has the same against *another* text's.

    BLEU of shuffled pairs is what texts of one corpus share anyway. Errors by the bootstrap over texts.
    """

    blocked_by = ("identity_sampler",)
    suite = "full"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``reconstruction_bleu`` and ``reconstruction_exact``."""
        simulations = need(evidence.simulations, "drawn texts", "assess with suite=full")
        again = need(simulations.reconstructions, "reconstructions", "decode the posterior means")
        seeds = need(simulations.seeds, "texts that were reconstructed", "give their positions as 'seeds'")
        strings = need(evidence.facts.strings, "strings of the texts", "give them as Facts(strings=...)")
        texts = [strings[i] for i in seeds.tolist()]
        rows = np.stack([counts(new, old) for new, old in zip(again, texts, strict=True)])
        shuffled = np.stack([counts(new, old) for new, old in zip(again, texts[1:] + texts[:1], strict=True)])
        generator = np.random.default_rng(0)
        resampled = [bleu(rows[generator.integers(len(rows), size=len(rows))]) for _ in range(RESAMPLES)]
        same = torch.tensor([new.split() == old.split() for new, old in zip(again, texts, strict=True)])
        return {
            "reconstruction_bleu": Estimate(
                value=bleu(rows),
                se=float(np.std(resampled)),
                unit="BLEU in [0, 1]",
                kind="consistent",
                n=len(rows),
                detail={"shuffled": bleu(shuffled)},
            ),
            "reconstruction_exact": mean_of(same, unit="share"),
        }
