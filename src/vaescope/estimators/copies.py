"""Copies: which rows of a sample are the same text, so that no text is compared with itself.

A text that appears several times in a split is one observation. Its copies are left out of a mixture together, stay in
the same half when a density is fitted to half of the texts, and stay in the same block when an error is estimated by
resampling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Copies:
    """The U distinct texts behind N rows.

    Attributes:
        text: the distinct text of each row, numbered by first appearance, ``[N]``, int64.
        first: the first row of each distinct text, ``[U]``, int64.
        counts: the number of rows of each distinct text, ``[U]``, int64.
    """

    text: Tensor
    first: Tensor
    counts: Tensor

    @classmethod
    def of(cls, keys_N: Tensor) -> Copies:
        """Group equal entries of ``[N]``, or equal rows of ``[N, F]``.

        >>> copies = Copies.of(torch.tensor([7, 3, 7, 5]))
        >>> copies.text.tolist(), copies.first.tolist(), copies.counts.tolist()
        ([0, 1, 0, 2], [0, 1, 3], [2, 1, 1])
        """
        keys = np.ascontiguousarray(keys_N.detach().cpu().numpy()) + 0  # -0.0 becomes 0.0, whose bytes differ
        if keys.ndim > 1:
            keys = keys.reshape(len(keys), -1).view(np.dtype((np.void, keys.dtype.itemsize * keys[0].size))).ravel()
        _, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        order = np.argsort(first)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(*(torch.from_numpy(values) for values in (place[inverse], first[order], counts[order])))

    @classmethod
    def of_strings(cls, strings: Sequence[str]) -> Copies:
        """Group equal strings.

        >>> Copies.of_strings(["a", "b", "a"]).text.tolist()
        [0, 1, 0]
        """
        return cls.of(torch.from_numpy(np.unique(np.array(strings, dtype=object), return_inverse=True)[1]))

    def resampled(self, generator: np.random.Generator) -> np.ndarray:
        """Return how often each row is in a bootstrap resample, ``[N]``: distinct texts are drawn, with all copies.

        >>> Copies.of(torch.tensor([0, 0, 1])).resampled(np.random.default_rng(0))
        array([0, 0, 2])
        """
        picked_U = np.bincount(generator.integers(self.distinct, size=self.distinct), minlength=self.distinct)
        return picked_U[self.text.numpy()]

    @property
    def rows(self) -> int:
        """Number of rows N."""
        return len(self.text)

    @property
    def distinct(self) -> int:
        """Number of distinct texts U."""
        return len(self.first)

    @property
    def of_row(self) -> Tensor:
        """Number of copies of the text of each row, including the row itself, ``[N]``."""
        return self.counts[self.text]

    @cached_property
    def entropy(self) -> float:
        """Entropy of the distinct texts in the sample, -sum_u c_u/N log c_u/N: log N where there are no copies.

        It bounds the information about *which of these texts*.

        >>> round(Copies.of(torch.tensor([0, 0, 1, 1])).entropy, 4)
        0.6931
        """
        share_U = self.counts.double() / self.rows
        return min(-(share_U * share_U.log()).sum().item(), math.log(self.rows))

    @cached_property
    def effective(self) -> float:
        """Effective number of independent texts among the N rows, N^2 / sum_u c_u^2 (Kish 1965).

        >>> Copies.of(torch.tensor([0, 0, 1, 1])).effective
        2.0
        """
        return self.rows**2 / self.counts.square().sum().item()


def equal_posteriors(mean_ND: Tensor, std_ND: Tensor) -> Copies:
    """Read texts of equal posteriors as copies; where all are equal the encoder has collapsed, and every text counts.

    >>> equal_posteriors(torch.tensor([[0.0], [1.0], [0.0]]), torch.ones(3, 1)).text.tolist()
    [0, 1, 0]
    """
    found = Copies.of(torch.cat([mean_ND, std_ND], 1))
    return found if found.distinct > 1 else Copies.of(torch.arange(len(mean_ND)))
