"""K equally probable topics seen through noisy draws of groups: exact information in any number of draws."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor


class NoisyTopics:
    """A uniform topic k of K, of which each draw shows a group g: p(g|k) = a if g = k, else (1 - a)/(K - 1).

    The counts n_g of m independent draws are sufficient for k, and count vectors that are permutations of each other
    share their probability and the entropy of their posterior, so that E H(K|n) is a sum over partitions of m.

    >>> topics = NoisyTopics(topics=2, purity=1.0)
    >>> topics.ambiguity(np.array([0.5, 0.5])) == 0.5 * math.log(2)  # no draw half of the time, else all is known
    True
    """

    def __init__(self, *, topics: int, purity: float) -> None:
        self.topics, self.purity = topics, purity
        self.other = (1 - purity) / (topics - 1)

    def entropy(self) -> float:
        """Return the entropy of one draw given the topic, H(G|k)."""
        p = torch.tensor([self.purity] + [self.other] * (self.topics - 1), dtype=torch.float64)
        return float(torch.special.entr(p).sum())

    def draw(self, topic_M: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw a group for each topic of an array."""
        pure_M = rng.random(topic_M.shape) < self.purity
        return np.where(pure_M, topic_M, (topic_M + rng.integers(1, self.topics, topic_M.shape)) % self.topics)

    def log_joint(self, counts_NK: Tensor) -> Tensor:
        """Return log p(k) p(groups|k), ``[N, K]``, for draws with these counts in a given order."""
        other_NK = counts_NK.sum(1, keepdim=True) - counts_NK
        pure, other = torch.tensor([self.purity, self.other], dtype=torch.float64)
        return torch.xlogy(counts_NK, pure) + torch.xlogy(other_NK, other) - math.log(self.topics)

    def ambiguity(self, probability_M: np.ndarray) -> float:
        """Return E H(K|n) = log K - I(K;n), where the number m of draws has ``probability_M[m]``."""
        total = 0.0
        for m, p in enumerate(probability_M):
            counts_CK, log_ways_C = _counts(m, self.topics)
            log_joint = self.log_joint(counts_CK)
            # An impossible count vector has probability 0 and, by the finite floor, a posterior of zeros.
            log_p = log_joint.logsumexp(1).clamp(min=-1e300)
            entropy = torch.special.entr((log_joint - log_p[:, None]).exp()).sum(1)
            total += float(p) * float(((log_p + log_ways_C).exp() * entropy).sum())
        return total


@cache
def _counts(total: int, parts: int) -> tuple[Tensor, Tensor]:
    """Return the decreasing count vectors with this sum, ``[C, parts]``, and the log-number of sequences of each."""
    counts = list(_partitions(total, parts))
    ways = [_log_ways(c) for c in counts]
    return torch.tensor(counts, dtype=torch.float64), torch.tensor(ways, dtype=torch.float64)


def _partitions(total: int, parts: int, largest: int | None = None) -> Iterator[tuple[int, ...]]:
    """Yield the decreasing tuples of ``parts`` non-negative integers with sum ``total``."""
    largest = total if largest is None else largest
    if parts == 1:
        if total <= largest:
            yield (total,)
        return
    for first in range(min(total, largest), -(-total // parts) - 1, -1):
        for rest in _partitions(total - first, parts - 1, first):
            yield (first, *rest)


def _log_ways(counts: tuple[int, ...]) -> float:
    """Return the log-number of group sequences whose counts are a permutation of ``counts``."""
    sequences = math.lgamma(sum(counts) + 1) - sum(math.lgamma(c + 1) for c in counts)
    repeats = sum(math.lgamma(counts.count(c) + 1) for c in set(counts))
    return sequences + math.lgamma(len(counts) + 1) - repeats
