"""Bags of words whose topic proportions are the cause: continuous, with a Dirichlet posterior and no approximation.

The proportions theta ~ Dirichlet(alpha, ..., alpha) of K topics are drawn for each text; each of its L words first
takes a topic from theta, then a word of that topic. No word belongs to two topics, so the counts per topic are known:
p(theta|x) = Dirichlet(alpha + n), an urn of Polya. Information grows like (K - 1)/2 log L as the text gets longer.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import betaln, digamma, gammaln
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence
from typing_extensions import override

from vaescope.corpora.known._known import KnownCorpus, require
from vaescope.corpora.known._lexicon import MOST_GROUPS, MOST_WORDS, Lexicon


class Polya(KnownCorpus):
    r"""The distribution with a = K alpha and counts n of the L words per topic,

        log p(x) = log G(a)/G(a + L) + sum_k log G(alpha + n_k)/G(alpha) + sum_t log phi(w_t),    G the gamma function.

    n_k alone is beta-binomial, so H(X) = -E log p(x) is a sum over n_k = 0..L. With psi the digamma function,

        H(X|theta) = L (psi(a + 1) - psi(alpha + 1)) + L H(phi),

    the first term being L E H(theta). The cause of ``sample_with_cause`` is theta, ``[N, K]``.

    Options: ``topics`` K (2 to 8), ``alpha`` (small: texts of nearly one topic), ``length`` L, ``words`` per topic,
    ``zipf`` exponent of phi, and ``seed``, which decides the words.

    Raises:
        UserError: an option out of its range.

    >>> round(Polya(topics=3, alpha=0.4, length=20).mutual_information(), 4)
    2.3727
    """

    def __init__(
        self,
        *,
        topics: int = 3,
        alpha: float = 0.4,
        length: int = 20,
        words: int = 10,
        zipf: float = 1.0,
        seed: int = 0,
    ) -> None:
        require("polya", "topics", topics, 2, MOST_GROUPS)
        require("polya", "alpha", alpha, 0.01, 100)
        require("polya", "length", length, 1, 1000)
        require("polya", "words", words, 1, MOST_WORDS)
        require("polya", "zipf", zipf, 0, 10)
        self.topics, self.alpha, self.length = topics, alpha, length
        self._lexicon = Lexicon(groups=topics, words=words, zipf=zipf, seed=seed)

    @property
    def vocabulary(self) -> list[str]:
        """All words of the language, sorted."""
        return self._lexicon.vocabulary

    def sample_with_cause(self, n: int, *, seed: int) -> tuple[list[str], Tensor]:
        """Draw ``n`` texts and the proportions theta of each, ``[N, K]``, float64."""
        rng = np.random.default_rng(seed)
        theta_NK = rng.dirichlet(np.full(self.topics, self.alpha), size=n)
        below_NK = theta_NK.cumsum(1)[:, None, :-1]
        topic_NL = (rng.random((n, self.length, 1)) > below_NK).sum(-1)
        return [" ".join(row) for row in self._lexicon.draw(topic_NL, rng)], torch.from_numpy(theta_NK)

    @override
    def log_prob(self, texts: list[str]) -> Tensor:
        log_words_N, counts_NK = self._lexicon.count(texts, self.length)
        return torch.from_numpy(log_words_N + self._log_urn(counts_NK).sum(1) + self._log_total())

    def posterior_concentration(self, texts: list[str]) -> Tensor:
        """Return alpha + n, the parameters of p(theta|x) = Dirichlet, ``[N, K]``; NaN outside the language."""
        log_words_N, counts_NK = self._lexicon.count(texts, self.length)
        return torch.from_numpy(np.where(np.isinf(log_words_N)[:, None], np.nan, self.alpha + counts_NK))

    def information(self, texts: list[str]) -> Tensor:
        """Return KL(Dirichlet(alpha + n) || Dirichlet(alpha)), ``[N]``, float64; NaN outside the language."""
        prior = Dirichlet(torch.full((self.topics,), self.alpha, dtype=torch.float64))
        return kl_divergence(Dirichlet(self.posterior_concentration(texts), validate_args=False), prior)

    def entropy(self) -> float:
        """Return H(X), a sum over the beta-binomial count of one topic, times K."""
        n = np.arange(self.length + 1)
        rest = (self.topics - 1) * self.alpha
        log_choose = gammaln(self.length + 1) - gammaln(n + 1) - gammaln(self.length - n + 1)
        p = np.exp(log_choose + betaln(self.alpha + n, rest + self.length - n) - betaln(self.alpha, rest))
        urn = self.topics * float(p @ self._log_urn(n)) + self._log_total()
        return self.length * self._lexicon.entropy - urn

    def conditional_entropy(self) -> float:
        """Return H(X|theta) = L E H(theta) + L H(phi)."""
        proportions = float(digamma(self.topics * self.alpha + 1) - digamma(self.alpha + 1))
        return self.length * (proportions + self._lexicon.entropy)

    def mutual_information(self) -> float:
        """Return I(X;theta) = H(X) - H(X|theta)."""
        return self.entropy() - self.conditional_entropy()

    def expected_length(self) -> float:
        """Return L."""
        return float(self.length)

    def _log_urn(self, counts: np.ndarray) -> np.ndarray:
        """Return log G(alpha + n)/G(alpha) for each count."""
        return gammaln(self.alpha + counts) - gammaln(self.alpha)

    def _log_total(self) -> float:
        """Return log G(a)/G(a + L)."""
        return float(gammaln(self.topics * self.alpha) - gammaln(self.topics * self.alpha + self.length))
