"""The contract of a corpus with exact truth."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor


class KnownCorpus(ABC):
    """A distribution p(x) = sum_k p(k) p(x|k) over texts, with a known cause k and every quantity exact.

    A text is a string of words separated by single spaces; the end of the text is part of the event, so that the
    probabilities of all texts (of any length) sum to one. All numbers are in nats per text, float64, and computed
    without Monte Carlo. The truth belongs to the texts: it holds for a model that reads them through any tokenizer
    that maps each text to exactly one token sequence and cuts none of them.

    Options of a corpus are the keyword-only arguments of its constructor. A corpus without a cause has K = 1:
    information 0 and a posterior of ones. A continuous cause is reported on the cells of a fixed grid.
    """

    @abstractmethod
    def sample(self, n: int, *, seed: int) -> list[str]:
        """Draw ``n`` independent texts from p(x); the same seed draws the same texts."""

    @abstractmethod
    def log_prob(self, texts: list[str]) -> Tensor:
        """Return log p(x) of each text, ``[N]``, float64; -inf for a text outside the language."""

    @abstractmethod
    def posterior(self, texts: list[str]) -> Tensor:
        """Return p(k|x) of each text, ``[N, K]``, float64; NaN for a text outside the language."""

    @abstractmethod
    def entropy(self) -> float:
        """Return H(X), the smallest distortion of a model without a latent variable."""

    @abstractmethod
    def mutual_information(self) -> float:
        """Return I(X;K), what a text says about its cause."""

    @abstractmethod
    def expected_length(self) -> float:
        """Return the expected number of words of a text."""

    def conditional_entropy(self) -> float:
        """Return H(X|K) = H(X) - I(X;K), what is left to say about a text when its cause is known."""
        return self.entropy() - self.mutual_information()
