"""Sentences of a fixed number of slots, each filled by a distribution given the topic; exact by enumeration.

A topic k ~ pi (K of them) is the cause; slot t takes word w with probability phi_{k,t}(w), independently. The slots
have different words, so the language is the Cartesian product of its slots, small enough to be listed.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from vaescope.corpora.known._known import DiscreteCause, require
from vaescope.corpora.known._lexicon import MOST_GROUPS, MOST_WORDS, Lexicon
from vaescope.errors import UserError

MOST_SENTENCES = 10**6
"""Most sentences that are enumerated."""


class Template(DiscreteCause):
    r"""The distribution p(x) = sum_k pi_k prod_t phi_{k,t}(x_t) over the V^T fillings of T slots.

    H(X|K) = sum_k pi_k sum_t H(phi_{k,t}); H(X) is the sum over all fillings. pi ~ Dirichlet(5) and
    phi_{k,t} ~ Dirichlet(c) are drawn once, by ``seed``.

    Options: ``topics`` K, ``slots`` T, ``words`` V per slot, ``concentration`` c (small: the topics differ and each
    prefers few words), ``seed`` of the distribution.

    Raises:
        UserError: an option out of its range, or more than a million sentences.

    >>> corpus = Template(topics=2, slots=2, words=3)
    >>> len(corpus.sample(1, seed=0)[0].split())
    2
    >>> corpus.mutual_information() < corpus.entropy()
    True
    """

    def __init__(
        self, *, topics: int = 8, slots: int = 6, words: int = 5, concentration: float = 0.5, seed: int = 0
    ) -> None:
        require("template", "topics", topics, 1, 100)
        require("template", "slots", slots, 1, MOST_GROUPS)
        require("template", "words", words, 2, MOST_WORDS)
        require("template", "concentration", concentration, 0.01, 1000)
        if words**slots > MOST_SENTENCES:
            raise UserError(f"template: {words}^{slots} sentences; give words^slots of at most {MOST_SENTENCES}")
        rng = np.random.default_rng(seed)
        self._pi_K = torch.from_numpy(rng.dirichlet(np.full(topics, 5.0)))
        self._phi_KTV = torch.from_numpy(rng.dirichlet(np.full(words, concentration), size=(topics, slots)))
        self._words = Lexicon(groups=slots, words=words, zipf=0.0, seed=seed).groups

    @property
    def vocabulary(self) -> list[str]:
        """All words of the language, sorted."""
        return sorted(word for slot in self._words for word in slot)

    def sample_with_cause(self, n: int, *, seed: int) -> tuple[list[str], Tensor]:
        """Draw ``n`` sentences and the topic of each, ``[N]``, int64."""
        rng = np.random.default_rng(seed)
        topic_N = rng.choice(len(self._pi_K), size=n, p=self._pi_K.numpy())
        below_NTV = self._phi_KTV.numpy().cumsum(-1)[topic_N, :, :-1]
        word_NT = (rng.random((n, len(self._words), 1)) > below_NTV).sum(-1)
        texts = [" ".join(slot[v] for slot, v in zip(self._words, row, strict=True)) for row in word_NT]
        return texts, torch.from_numpy(topic_N)

    @override
    def log_prob(self, texts: list[str]) -> Tensor:
        return self._log_joint(texts).logsumexp(1)

    def prior(self) -> Tensor:
        """Return pi, ``[K]``."""
        return self._pi_K

    def posterior(self, texts: list[str]) -> Tensor:
        """Return p(k|x), ``[N, K]``, float64; NaN outside the language."""
        return self._log_joint(texts).softmax(1)

    def entropy(self) -> float:
        """Return H(X), the sum over all sentences."""
        return self._entropy

    def conditional_entropy(self) -> float:
        """Return H(X|K) = sum_k pi_k sum_t H(phi_{k,t})."""
        return float((self._pi_K * torch.special.entr(self._phi_KTV).sum((1, 2))).sum())

    def mutual_information(self) -> float:
        """Return I(X;K) = H(X) - H(X|K)."""
        return max(0.0, self.entropy() - self.conditional_entropy())

    def expected_length(self) -> float:
        """Return the number of slots."""
        return float(len(self._words))

    @cached_property
    def _entropy(self) -> float:
        p_KX = self._pi_K[:, None]
        for phi_KV in self._phi_KTV.unbind(1):
            p_KX = (p_KX[:, :, None] * phi_KV[:, None, :]).flatten(1)
        return float(torch.special.entr(p_KX.sum(0)).sum())

    def _log_joint(self, texts: list[str]) -> Tensor:
        """Return log pi_k p(x|k), ``[N, K]``, -inf outside the language."""
        ranks = [{word: v for v, word in enumerate(slot)} for slot in self._words]
        log_phi_KTV, slots = self._phi_KTV.log(), torch.arange(len(ranks))
        log_joint_NK = torch.full((len(texts), len(self._pi_K)), -torch.inf, dtype=torch.float64)
        for i, text in enumerate(texts):
            words = text.split(" ")
            if len(words) == len(ranks) and all(word in slot for word, slot in zip(words, ranks, strict=True)):
                filling_T = torch.tensor([slot[word] for word, slot in zip(words, ranks, strict=True)])
                log_joint_NK[i] = self._pi_K.log() + log_phi_KTV[:, slots, filling_T].sum(1)
        return log_joint_NK
