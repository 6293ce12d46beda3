"""Statistics of texts as strings: length, variety, surprisal by pairs and by topics; distances of two sets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy import stats

from vaescope.assessment.bleu import ngrams
from vaescope.assessment.units import Split, words
from vaescope.errors import Missing
from vaescope.estimators.copies import Copies
from vaescope.randomness import numpy_stream

Statistic = Callable[[Sequence[str]], np.ndarray]
"""One number for each text."""

SPLITS = 50


def length(strings: Sequence[str], split: Split = words) -> np.ndarray:
    """Units (words or characters) of each text."""
    return np.array([len(split(text)) for text in strings], dtype=float)


def repetition(strings: Sequence[str], split: Split = words) -> np.ndarray:
    """Share of the units of each text that are repetitions: 1 - types/tokens."""
    parts = [split(text) for text in strings]
    return np.array([1 - len(set(units)) / max(len(units), 1) for units in parts])


class Bigrams:
    """Surprisal under pairs of units counted in other texts, -1/T sum_t log p(w_t|w_{t-1}), nats per unit.

    p(w|v) = (1 - a) count(v, w)/count(v) + a (count(w) + 1)/(total + V): bigrams, interpolated with unigrams,
    interpolated with uniform.
    """

    def __init__(self, strings: Sequence[str], split: Split = words, *, backing: float = 0.3) -> None:
        self.split = split
        framed = [self._framed(text) for text in strings]
        self.pairs = sum((ngrams(units, 2) for units in framed), Counter())
        self.words = Counter(unit for units in framed for unit in units[1:])
        self.firsts = Counter(unit for units in framed for unit in units[:-1])
        self.total, self.types, self.backing = self.words.total(), len(self.words) + 1, backing

    def __call__(self, strings: Sequence[str]) -> np.ndarray:
        """Return the surprisal of each text."""
        return np.array([self._surprisal(self._framed(text)) for text in strings])

    def _framed(self, text: str) -> list[str]:
        return ["<s>", *self.split(text), "</s>"]

    def _surprisal(self, units: list[str]) -> float:
        terms = [self._log_p(*pair) for pair in pairwise(units)]
        return -sum(terms) / len(terms)

    def _log_p(self, before: str, word: str) -> float:
        single = (self.words[word] + 1) / (self.total + self.types)
        seen = self.firsts[before]
        pair = self.pairs[before, word] / seen if seen else single
        return math.log((1 - self.backing) * pair + self.backing * single)


class Topics:
    """Surprisal of the units of a text, in any order, under ten topics fitted to other texts, nats per unit.

    -1/T sum_t log sum_k theta_k phi_k(w_t), phi by latent Dirichlet allocation (Blei, Ng, Jordan 2003) and theta its
    posterior mean for the text: high if the units of a text are not from one topic. Units that do not occur in the
    other texts are left out; a text without other units has the surprisal of a uniform distribution.

    Raises:
        Missing: the texts are empty.
    """

    def __init__(self, strings: Sequence[str], split: Split = words, *, topics: int = 10) -> None:
        from sklearn.decomposition import LatentDirichletAllocation
        from sklearn.feature_extraction.text import CountVectorizer

        if not any(map(split, strings)):
            raise Missing("the texts are empty")
        self.counter = CountVectorizer(analyzer=split)
        counts = self.counter.fit_transform(strings)
        self.allocation = LatentDirichletAllocation(topics, doc_topic_prior=0.1, topic_word_prior=0.1, random_state=0)
        self.allocation.fit(counts)
        self.phi_KV = self.allocation.components_ / self.allocation.components_.sum(1, keepdims=True)

    def __call__(self, strings: Sequence[str]) -> np.ndarray:
        """Return the surprisal of each text."""
        counts = self.counter.transform(strings)
        theta_NK = self.allocation.transform(counts)
        cells = counts.tocoo()
        log_p = np.log((theta_NK[cells.row] * self.phi_KV.T[cells.col]).sum(1))
        known_N = np.asarray(counts.sum(1), dtype=float).ravel()
        nats_N = -np.bincount(cells.row, cells.data * log_p, minlength=len(known_N))
        return np.where(known_N > 0, nats_N / np.maximum(known_N, 1), math.log(self.phi_KV.shape[1]))


def distinct(strings: Sequence[str], n: int, split: Split = words) -> float | None:
    """Share of distinct n-grams among the n-grams of all texts (Li et al. 2016); None without n-grams."""
    found = sum((ngrams(split(text), n) for text in strings), Counter())
    return len(found) / found.total() if found else None


def null_quantile(values: np.ndarray, drawn: int, copies: Copies | None = None) -> float:
    """95% quantile of the Wasserstein distance between all n values and ``drawn`` others of the same distribution.

    Computed from two disjoint random parts of the texts, as large as possible, for ``SPLITS`` splits. All copies of a
    text are in one part. It is rescaled to n (the effective number of texts) and m values by the ratio of
    sqrt(1/n + 1/m), the rate at which the distance falls for equal distributions.
    """
    copies = Copies.of(torch.arange(len(values))) if copies is None else copies
    generator, text_N = numpy_stream(0, "null of string statistics"), copies.text.numpy()
    count, size = copies.effective, min(copies.distinct // 2, drawn)
    distances = []
    for _ in range(SPLITS):
        side_U = np.full(copies.distinct, -1)
        order = generator.permutation(copies.distinct)
        side_U[order[:size]], side_U[order[size : 2 * size]] = 0, 1
        parts = [values[side_U[text_N] == side] for side in (0, 1)]
        distances.append(stats.wasserstein_distance(*parts))
    each = count / copies.distinct * size
    return float(np.quantile(distances, 0.95)) * math.sqrt((1 / count + 1 / drawn) * each / 2)
