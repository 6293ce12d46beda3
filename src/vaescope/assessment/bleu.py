"""BLEU-4 of a corpus: how many word sequences of up to four words two sets of texts share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

ORDER = 4


def counts(text: str, reference: str) -> np.ndarray:
    """Matches and n-grams for n = 1 to 4, then the lengths of text and reference, ``[2 * 4 + 2]``."""
    words, wanted = text.split(), reference.split()
    row = []
    for n in range(1, ORDER + 1):
        found, target = ngrams(words, n), ngrams(wanted, n)
        row += [(found & target).total(), found.total()]
    return np.array([*row, len(words), len(wanted)], dtype=float)


def ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """Count the sequences of n words."""
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def bleu(rows: np.ndarray) -> float:
    """BLEU from the counts of many texts, in [0, 1], without smoothing, on words as they are.

    exp(mean_n log(matches_n / n-grams_n)) times the penalty exp(1 - reference/length) for texts that are too short
    (Papineni et al. 2002).

    >>> bleu(np.stack([counts("the cat sat on the mat", "the cat sat on the mat")]))
    1.0
    """
    total = rows.sum(0)
    matches, grams, (length, wanted) = total[: 2 * ORDER : 2], total[1 : 2 * ORDER : 2], total[2 * ORDER :]
    if length == 0 or matches.min() == 0:
        return 0.0
    penalty = min(0.0, 1 - wanted / length)
    return math.exp(np.log(matches / grams).mean() + penalty)
