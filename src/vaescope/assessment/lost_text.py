"""Finding on texts that the tokenizer does not preserve, and its effect on the numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from vaescope.assessment.findings import Check, Finding
from vaescope.errors import Missing
from vaescope.evidence.facts import Facts

LEAST_SHARE = 0.95
"""Smallest share of texts that must survive tokenization for numbers per byte or per word, which then use these
texts."""


def comparable(recovered_N: Tensor | None, texts: int, per: str) -> Tensor:
    """Return which texts can have a number per byte or word: those that survive tokenization, ``[N]``, bool.

    -log p of the tokens is then an upper bound of -log p of the text. All texts, if nothing is known.

    Raises:
        Missing: too few texts survive.
    """
    if recovered_N is None:
        return torch.ones(texts, dtype=torch.bool)
    share = recovered_N.double().mean().item()
    if share < LEAST_SHARE:
        raise Missing(
            f"the tokenizer loses text ({share:.1%} of the texts can be recovered from their tokens), so log p(x) is "
            f"not that of the {per}: give a tokenizer that loses nothing"
        )
    return recovered_N


def lost_text(facts: Facts) -> list[Finding]:
    """Report texts that do not decode to themselves; nothing if all do, or if it is unknown."""
    if facts.recovered is None or bool(facts.recovered.all()):
        return []
    share = 1 - facts.recovered.double().mean().item()
    message = (
        f"{share:.1%} of the texts cannot be recovered from their tokens. All numbers are about the texts that the "
    )
    message += "tokens spell, also exact match, BLEU and text statistics"
    check, holds = Check(f"at least {LEAST_SHARE:.0%} of the texts can be recovered"), 1 - share >= LEAST_SHARE
    message += "; numbers per byte leave these texts out" if holds else "; there are no numbers per byte"
    step = "give a tokenizer that loses nothing (without tokenizer.path one is trained)"
    return [check.judge("lost_text", holds, message, next_step=step)]
