"""StepBatches: the deterministic order in which training sees its texts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from vaescope.corpora.batch import Batch
from vaescope.corpora.tokenized import OVERHEAD, Tokenized
from vaescope.errors import UserError


class StepBatches:
    """The texts of every optimiser step, a pure function of (seed, step): resuming at step t needs no state.

    The epochs, each a shuffle of all N texts by (seed, epoch), form one endless sequence, and step t reads
    its texts t B to (t + 1) B. So every step has exactly B texts, and every text appears once per epoch; a step
    that spans two epochs may contain a text twice. A step is split into micro-batches of B / (accumulate x
    processes) texts, unbiased random samples of the corpus, and each micro-batch into groups of similar length
    to save padding (``group``); a higher ``overhead`` makes fewer groups.

    Raises:
        UserError: more texts per step than there are, or a number that does not divide into micro-batches.
    """

    def __init__(
        self,
        tokenized: Tokenized,
        *,
        batch_size: int,
        accumulate: int = 1,
        seed: int = 0,
        group_tokens: int = 4_096,
        overhead: int = OVERHEAD,
        first_text: int = 0,
    ) -> None:
        check_batch_size(len(tokenized), batch_size, accumulate)
        self.tokenized = tokenized
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.group_tokens = group_tokens
        self.overhead = overhead
        self.first_text = first_text
        self._shuffle = lru_cache(maxsize=2)(lambda epoch: _shuffle(len(tokenized), seed, epoch))

    @property
    def steps_per_epoch(self) -> float:
        """Optimiser steps per epoch."""
        return len(self.tokenized) / self.batch_size

    def indices(self, t: int) -> Tensor:
        """Return the texts of step ``t``, ``[B]``, over all processes and micro-batches."""
        n, start = len(self.tokenized), self.first_text + t * self.batch_size
        stop = start + self.batch_size
        parts = [
            self._shuffle(epoch)[max(start - epoch * n, 0) : stop - epoch * n]
            for epoch in range(start // n, (stop - 1) // n + 1)
        ]
        return torch.cat(parts)

    def step(self, t: int, *, rank: int = 0, world_size: int = 1) -> list[list[Batch]]:
        """Return the micro-batches of process ``rank`` in step ``t``, each as groups of similar length.

        Micro-batch a of process r is number a x world_size + r of the step, so the processes together see
        the same texts as one process that accumulates world_size times as many micro-batches.

        Raises:
            UserError: the texts per step are not a multiple of accumulate x world_size.
        """
        if self.batch_size % (self.accumulate * world_size):
            raise _indivisible(self.batch_size, self.accumulate, world_size)
        micro = self.indices(t).chunk(self.accumulate * world_size)
        return [self.tokenized.by_length(part, self.group_tokens, self.overhead) for part in micro[rank::world_size]]


def _shuffle(n: int, seed: int, epoch: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(n))


def check_batch_size(texts: int, batch_size: int, accumulate: int) -> None:
    """Refuse a step with more texts than there are, or one that micro-batches cannot share.

    Raises:
        UserError: names training.batch_size.
    """
    if batch_size > texts:
        raise UserError(f"training.batch_size: {batch_size} texts per step, but there are {texts}; give at most that")
    if batch_size % accumulate:
        raise _indivisible(batch_size, accumulate, 1)


def _indivisible(batch_size: int, accumulate: int, world_size: int) -> UserError:
    parts = accumulate * world_size
    return UserError(
        f"training.batch_size: {batch_size} texts do not divide into {accumulate} micro-batches "
        f"x {world_size} processes; "
        f"give a multiple of {parts}, for instance {-(-batch_size // parts) * parts}"
    )
