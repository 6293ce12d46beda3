"""Word chains whose topic lies in word order alone: every word and every length is as frequent under each topic.

Words belong to K classes in a ring. The first class is uniform; then each step moves g places on, and the topic k
(uniform, one of K) prefers the move g = k. So the chain under a topic is a bigram model whose stationary distribution
is uniform: no unigram count tells the topic, only the order of the classes does.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from vaescope.corpora.known._known import DiscreteCause, require
from vaescope.corpora.known._lexicon import MOST_GROUPS, MOST_WORDS, Lexicon
from vaescope.corpora.known._topics import NoisyTopics


class TopicBigram(DiscreteCause):
    r"""The distribution p(x) = p(L) 1/K prod_t p(w_t|c_t) 1/K sum_k prod_{t>1} p(g_t|k), g_t = c_t - c_{t-1} mod K.

    A move is the topic's own with probability 1 - s and else any of the K: p(g|k) = (1 - s) [g = k] + s/K. ``shared``
    s in [0, 1] thus mixes the chain of each topic with one common chain and dials I(X;K) from nearly log K to 0, while
    words and lengths keep their distribution. p(L) is proportional to (1 - stop)^L for 1 <= L <= longest, so that
    no text is longer. The moves are independent given k, their counts are sufficient, and

        H(X|K) = H(L) + log K + E[L] H(W|c) + E[L - 1] H(G|k),   I(X;K) = log K - sum_L p(L) E H(K | L - 1 moves).

    Options: ``topics`` K (2 to 8), ``shared`` s, ``stop``, ``longest`` text in words, ``words`` per class, ``zipf``
    exponent within a class, and ``seed``, which decides the words of the classes.

    Raises:
        UserError: an option out of its range.

    >>> TopicBigram(shared=1.0).mutual_information() < 1e-12  # the common chain alone
    True
    >>> TopicBigram(shared=0.2).mutual_information() > TopicBigram(shared=0.6).mutual_information()
    True
    """

    def __init__(
        self,
        *,
        topics: int = 8,
        shared: float = 0.4,
        stop: float = 0.08,
        longest: int = 24,
        words: int = 10,
        zipf: float = 1.0,
        seed: int = 0,
    ) -> None:
        require("topic_bigram", "topics", topics, 2, MOST_GROUPS)
        require("topic_bigram", "shared", shared, 0, 1)
        require("topic_bigram", "stop", stop, 0, 0.99)
        require("topic_bigram", "longest", longest, 1, 40)
        require("topic_bigram", "words", words, 1, MOST_WORDS)
        require("topic_bigram", "zipf", zipf, 0, 10)
        self.topics = topics
        self._moves = NoisyTopics(topics=topics, purity=1 - shared + shared / topics)
        self._lexicon = Lexicon(groups=topics, words=words, zipf=zipf, seed=seed)
        weight_L = (1 - stop) ** np.arange(1, longest + 1, dtype=np.float64)
        self._p_L = weight_L / weight_L.sum()

    @property
    def vocabulary(self) -> list[str]:
        """All words of the language, sorted."""
        return self._lexicon.vocabulary

    def sample_with_cause(self, n: int, *, seed: int) -> tuple[list[str], Tensor]:
        """Draw ``n`` texts and the topic of each, ``[N]``, int64."""
        rng = np.random.default_rng(seed)
        topic_N = rng.integers(self.topics, size=n)
        length_N = rng.choice(len(self._p_L), size=n, p=self._p_L) + 1
        step_NL = self._moves.draw(np.repeat(topic_N[:, None], len(self._p_L), axis=1), rng)
        step_NL[:, 0] = rng.integers(self.topics, size=n)
        word_NL = self._lexicon.draw(step_NL.cumsum(1) % self.topics, rng)
        return [" ".join(row[:m]) for row, m in zip(word_NL, length_N, strict=True)], torch.from_numpy(topic_N)

    @override
    def log_prob(self, texts: list[str]) -> Tensor:
        log_shared_N, counts_NK = self._analyse(texts)
        return log_shared_N + self._moves.log_joint(counts_NK).logsumexp(1)

    def prior(self) -> Tensor:
        """Return p(k) = 1/K, ``[K]``."""
        return torch.full((self.topics,), 1 / self.topics, dtype=torch.float64)

    def posterior(self, texts: list[str]) -> Tensor:
        """Return p(k|x), ``[N, K]``, float64; NaN outside the language."""
        log_shared_N, counts_NK = self._analyse(texts)
        return self._moves.log_joint(counts_NK).softmax(1).masked_fill(log_shared_N.isinf()[:, None], torch.nan)

    def entropy(self) -> float:
        """Return H(X) = H(X|K) + I(X;K)."""
        return self.conditional_entropy() + self.mutual_information()

    def conditional_entropy(self) -> float:
        """Return H(X|K), the entropies of length, first class, words and moves."""
        length = float(-(self._p_L * np.log(self._p_L)).sum())
        words = self.expected_length()
        moves = (words - 1) * self._moves.entropy()
        return length + math.log(self.topics) + words * self._lexicon.entropy + moves

    def mutual_information(self) -> float:
        """Return I(X;K) = log K - E H(K|moves), at most log K."""
        return max(0.0, math.log(self.topics) - self._ambiguity)

    def expected_length(self) -> float:
        """Return the expected number of words."""
        return float(self._p_L @ np.arange(1, len(self._p_L) + 1))

    @cached_property
    def _ambiguity(self) -> float:
        """E H(K|moves), for a text of L words has L - 1 moves."""
        return self._moves.ambiguity(self._p_L)

    def _analyse(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Return the topic-free part of log p(x), ``[N]``, and the counts of the moves, ``[N, K]``."""
        log_shared, counts = np.full(len(texts), -math.inf), np.zeros((len(texts), self.topics))
        for i, text in enumerate(texts):
            found = self._lexicon.read(text)
            if found is not None and len(found[0]) <= len(self._p_L):
                classes, log_words = found
                log_shared[i] = math.log(self._p_L[len(classes) - 1]) - math.log(self.topics) + log_words
                counts[i] = np.bincount(np.diff(classes) % self.topics, minlength=self.topics)
        return torch.from_numpy(log_shared), torch.from_numpy(counts)
