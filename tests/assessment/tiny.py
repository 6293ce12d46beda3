"""A very small model with random texts, a simple tokenizer, and all evidence of it."""

from __future__ import annotations

import torch

from vaescope.corpora.tokenized import Tokenized
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts
from vaescope.model.build import tiny_model
from vaescope.sweep.proposals import adapt_proposals
from vaescope.sweep.run_experiments import experiment
from vaescope.sweep.simulate import simulate
from vaescope.sweep.sweep import sweep


class Speller:
    """Token ids as words."""

    def batch_decode(self, ids, *, skip_special_tokens):
        assert skip_special_tokens
        return [" ".join(str(int(i)) for i in row if i > 2) for row in ids]


def random_texts(n: int = 80) -> Tokenized:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, 9, (n,), generator=generator)
    rows = [torch.randint(3, 12, (int(length) - 2,), generator=generator) for length in lengths]
    return Tokenized(
        ids=torch.cat([torch.cat([torch.tensor([0]), row, torch.tensor([2])]) for row in rows]).int(),
        offsets=torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)]),
        words=lengths - 2,
        bytes=2 * lengths - 5,
        texts=Speller().batch_decode(rows, skip_special_tokens=True),
        pad=1,
    )


def full_evidence(n: int = 80, **options):
    """All evidence of a new model, and the model with its texts."""
    model, _ = tiny_model(**options)
    texts = random_texts(n)
    draws = adapt_proposals(model, texts, sweep(model, texts, samples=8), texts=20)
    facts = Facts(strings=texts.texts, labels=[("low", "high")[int(t[0]) % 2] for t in texts.texts])
    drawn = simulate(model, Speller(), draws, count=66)
    experiments = experiment(model, Speller(), texts, draws, drawn, texts=6, annealing_steps=4)
    return model, texts, Evidence(draws, simulations=drawn[0], experiments=experiments, facts=facts)
