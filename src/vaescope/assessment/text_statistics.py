"""Statistics of texts as strings: length, variety and the surprisal of word pairs; distances between two sets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from vaescope.assessment.bleu import ngrams

Statistic = Callable[[Sequence[str]], np.ndarray]
"""One number for each text."""

SPLITS = 50


def length(strings: Sequence[str]) -> np.ndarray:
    """Words of each text."""
    return np.array([len(text.split()) for text in strings], dtype=float)


def repetition(strings: Sequence[str]) -> np.ndarray:
    """Share of the words of each text that it has said before: 1 - types/tokens."""
    split = [text.split() for text in strings]
    return np.array([1 - len(set(words)) / max(len(words), 1) for words in split])


class Bigrams:
    """Surprisal under word pairs counted in other texts, -1/T sum_t log p(w_t|w_{t-1}), nats per word.

    p(w|v) = (1 - a) count(v, w)/count(v) + a (count(w) + 1)/(total + V): pairs, backed by words, backed by uniform.
    """

    def __init__(self, strings: Sequence[str], *, backing: float = 0.3) -> None:
        framed = [_framed(text) for text in strings]
        self.pairs = sum((ngrams(words, 2) for words in framed), Counter())
        self.words = Counter(word for words in framed for word in words[1:])
        self.firsts = Counter(word for words in framed for word in words[:-1])
        self.total, self.types, self.backing = self.words.total(), len(self.words) + 1, backing

    def __call__(self, strings: Sequence[str]) -> np.ndarray:
        """Return the surprisal of each text."""
        return np.array([self._surprisal(_framed(text)) for text in strings])

    def _surprisal(self, words: list[str]) -> float:
        terms = [self._log_p(*pair) for pair in pairwise(words)]
        return -sum(terms) / len(terms)

    def _log_p(self, before: str, word: str) -> float:
        single = (self.words[word] + 1) / (self.total + self.types)
        seen = self.firsts[before]
        pair = self.pairs[before, word] / seen if seen else single
        return math.log((1 - self.backing) * pair + self.backing * single)


def distinct(strings: Sequence[str], n: int) -> float:
    """Share of the n-grams of all texts that are different from one another (Li et al. 2016)."""
    found = sum((ngrams(text.split(), n) for text in strings), Counter())
    return len(found) / max(found.total(), 1)


def null_distances(values: np.ndarray, size: int, distance: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """Distances between two disjoint random parts of ``size`` texts each of the same data, for ``SPLITS`` cuts."""
    generator = np.random.default_rng(0)
    cuts = [generator.permutation(len(values))[: 2 * size] for _ in range(SPLITS)]
    return np.array([distance(values[cut[:size]], values[cut[size:]]) for cut in cuts])


def _framed(text: str) -> list[str]:
    return ["<s>", *text.split(), "</s>"]
