"""BLEU of a corpus: the overlap of sequences of up to four units (words or characters) in two sets of texts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from vaescope.assessment.units import Split, words

ORDER = 4


def counts(text: str, reference: str, split: Split = words) -> np.ndarray:
    """Matches, n-grams and n-grams of the reference for n = 1 to 4, then both lengths, ``[3 * 4 + 2]``."""
    units, wanted = split(text), split(reference)
    row = []
    for n in range(1, ORDER + 1):
        found, target = ngrams(units, n), ngrams(wanted, n)
        row += [(found & target).total(), found.total(), target.total()]
    return np.array([*row, len(units), len(wanted)], dtype=float)


def ngrams(units: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """Count the sequences of n units."""
    return Counter(tuple(units[i : i + n]) for i in range(len(units) - n + 1))


def order_of(rows: np.ndarray) -> int:
    """Return the largest n up to 4 for which the references have n-grams; 0 if all are empty.

    >>> order_of(np.stack([counts("the red cat", "a blue dog")]))
    3
    """
    references = rows.sum(0)[2 : 3 * ORDER : 3]
    return int((references > 0).sum())


def bleu(rows: np.ndarray, order: int | None = None) -> float:
    """BLEU from the counts of many texts, in [0, 1], without smoothing, over n-grams of up to ``order`` units.

    exp(mean_n log(matches_n / n-grams_n)) times the penalty exp(1 - reference/length) for texts that are too short
    (Papineni et al. 2002). If the references have no sequence of four units, BLEU-4 is 0/0, so the order is then
    smaller (``order_of``).

    >>> bleu(np.stack([counts("the cat sat on the mat", "the cat sat on the mat")]))
    1.0
    >>> bleu(np.stack([counts("the red cat", "the red cat")]))
    1.0
    """
    total, order = rows.sum(0), order_of(rows) if order is None else order
    matches, grams, (length, wanted) = total[: 3 * order : 3], total[1 : 3 * order : 3], total[3 * ORDER :]
    if length == 0 or order == 0 or matches.min() == 0:
        return 0.0
    penalty = min(0.0, 1 - wanted / length)
    return math.exp(np.log(matches / grams).mean() + penalty)
