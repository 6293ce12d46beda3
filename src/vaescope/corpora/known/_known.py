"""The contract of a corpus with exact truth."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from vaescope.errors import UserError


class KnownCorpus(ABC):
    """A distribution p(x) = integral of p(k) p(x|k) over texts, with a known cause k and every quantity exact.

    A text is a string of words separated by single spaces; the end of the text is part of the event, so that the
    probabilities of all texts (of any length) sum to one. All numbers are in nats per text, float64, and computed
    without Monte Carlo: closed forms, finite sums or quadrature on a uniform grid. The truth belongs to the texts: it
    holds for a model that reads them through any tokenizer that maps each text to exactly one token sequence and cuts
    none of them.

    Every corpus gives the information of each text about its cause (``information``). The posterior itself has the
    form of the cause: p(k|x) as a table if the cause is discrete (``DiscreteCause``), else a method of the corpus
    (``Polya.posterior_concentration``, ``GaussTopic.posterior_on_grid``).

    Options of a corpus are the keyword-only arguments of its constructor.

    Attributes:
        numerical_error: the most, in nats, by which ``log_prob``, ``information`` and the expectations may be off.
    """

    numerical_error: float = 1e-9

    def sample(self, n: int, *, seed: int) -> list[str]:
        """Draw ``n`` independent texts from p(x); the same seed draws the same texts."""
        return self.sample_with_cause(n, seed=seed)[0]

    @abstractmethod
    def sample_with_cause(self, n: int, *, seed: int) -> tuple[list[str], Tensor]:
        """Draw ``n`` texts and their causes: ``[N]`` int64 where discrete, ``[N, D]`` float64 where continuous."""

    @property
    @abstractmethod
    def vocabulary(self) -> list[str]:
        """All words of the language, sorted."""

    @abstractmethod
    def log_prob(self, texts: list[str]) -> Tensor:
        """Return log p(x) of each text, ``[N]``, float64; -inf for a text outside the language."""

    @abstractmethod
    def information(self, texts: list[str]) -> Tensor:
        """Return KL(p(k|x) || p(k)) of each text, ``[N]``, float64; NaN for a text outside the language.

        This is the rate of the exact posterior, and its expectation is I(X;K).
        """

    @abstractmethod
    def entropy(self) -> float:
        """Return H(X), the smallest distortion of a model without a latent variable."""

    @abstractmethod
    def mutual_information(self) -> float:
        """Return I(X;K), the information of a text about its cause."""

    @abstractmethod
    def expected_length(self) -> float:
        """Return the expected number of words of a text."""

    def conditional_entropy(self) -> float:
        """Return H(X|K) = H(X) - I(X;K), the entropy of a text when its cause is known."""
        return self.entropy() - self.mutual_information()


class DiscreteCause(KnownCorpus):
    """A corpus whose cause is one of K values, so its posterior is a table; K = 1 if there is no cause."""

    @abstractmethod
    def prior(self) -> Tensor:
        """Return p(k), ``[K]``, float64."""

    @abstractmethod
    def posterior(self, texts: list[str]) -> Tensor:
        """Return p(k|x) of each text, ``[N, K]``, float64; NaN for a text outside the language."""

    def information(self, texts: list[str]) -> Tensor:
        """Return KL(p(k|x) || p(k)) = sum_k p(k|x) log p(k|x)/p(k) of each text, ``[N]``."""
        posterior_NK = self.posterior(texts)
        return torch.xlogy(posterior_NK, posterior_NK / self.prior()).sum(1)


def require(corpus: str, option: str, value: float, least: float, most: float) -> None:
    """Refuse the value of an option outside ``[least, most]``.

    Raises:
        UserError: names the corpus, the option and its range.
    """
    if not least <= value <= most:
        raise UserError(f"{corpus}: {option} is {value}; give {least:g} to {most:g}")
