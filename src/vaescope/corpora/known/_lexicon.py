"""Disjoint groups of words, each with the same Zipf distribution: the words of a text, given their groups."""

from __future__ import annotations

import random

import numpy as np

from vaescope.corpora.known._words import TOPICS

MOST_GROUPS = len(TOPICS)
"""How many groups of words there are."""
MOST_WORDS = min(len(" ".join(words.values()).split()) for words in TOPICS.values())
"""How many words every group has."""


class Lexicon:
    """Words w of group g with p(w|g) proportional to rank^-zipf, the same distribution for every group.

    A word tells its group, so a sequence of words has log p(w|g) = sum over the words of log p(rank), however the
    groups were drawn, and H(W|g) is the same for all.

    >>> lexicon = Lexicon(groups=2, words=2, zipf=1.0, seed=0)
    >>> [len(group) for group in lexicon.groups]
    [2, 2]
    >>> lexicon.read("no such words") is None
    True
    """

    def __init__(self, *, groups: int, words: int, zipf: float, seed: int) -> None:
        rng = random.Random(seed)
        self.groups = [rng.sample(" ".join(of.values()).split(), words) for of in list(TOPICS.values())[:groups]]
        self.p_W = zipf_law(words, zipf)
        self.entropy = float(-(self.p_W * np.log(self.p_W)).sum())
        self._entries = {
            word: (g, float(log_p))
            for g, group in enumerate(self.groups)
            for word, log_p in zip(group, np.log(self.p_W), strict=True)
        }

    @property
    def vocabulary(self) -> list[str]:
        """All words, sorted."""
        return sorted(self._entries)

    def draw(self, groups_M: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw a word of each group, an array of strings of the same shape."""
        rank_M = rng.choice(len(self.p_W), size=groups_M.shape, p=self.p_W)
        return np.array(self.groups, dtype=object)[groups_M, rank_M]

    def read(self, text: str) -> tuple[list[int], float] | None:
        """Return the groups of the words and log p(words|groups), or nothing where a word is unknown."""
        entries = [self._entries.get(word) for word in text.split(" ")]
        known = [entry for entry in entries if entry is not None]
        if len(known) < len(entries):
            return None
        return [group for group, _ in known], sum(log_p for _, log_p in known)

    def count(self, texts: list[str], length: int) -> tuple[np.ndarray, np.ndarray]:
        """Return log p(words|groups), ``[N]``, and the words per group, ``[N, G]``, of texts of ``length`` words.

        Any other text has -inf and no counts.
        """
        log_p_N, counts_NG = np.full(len(texts), -np.inf), np.zeros((len(texts), len(self.groups)), dtype=np.int64)
        for i, text in enumerate(texts):
            found = self.read(text)
            if found is not None and len(found[0]) == length:
                log_p_N[i] = found[1]
                counts_NG[i] = np.bincount(found[0], minlength=len(self.groups))
        return log_p_N, counts_NG


def zipf_law(n: int, exponent: float) -> np.ndarray:
    """Return the probabilities of ranks 1 to ``n``, proportional to rank^-exponent."""
    weight = np.arange(1, n + 1, dtype=np.float64) ** -exponent
    return weight / weight.sum()
