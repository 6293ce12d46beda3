"""Simulations: texts that a model makes up, z ~ p(z) and x ~ p(x|z), with all that is said about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vaescope.assessment.draws import Draws
    from vaescope.corpora.tokenized import Tokenized


@dataclass(frozen=True)
class Simulations:
    """The p-side of the evidence: M texts drawn from p(x, z), and texts drawn from z of the data's texts.

    Attributes:
        z: the z ~ p(z) that each text was drawn from, ``[M, D]``.
        sampler_log_p: log p(x|z) as the sampler added it up while it drew, nats per text, ``[M]``.
        log_p_x_z: the same by the scorer, with the drawn tokens as given, ``[M]``.
        finished: whether the text ended within the length limit and holds no BOS or padding token, ``[M]``.
        draws: a sweep over the M drawn texts: q(z|x) and S importance weights of each.
        strings: the M drawn texts.
        tokenized: the token ids of the drawn texts, or None.
        seeds: positions of the data's texts below, ``[R]``.
        resampled: a text from p(x|z), z ~ q(z|x), for each seed, R of them.
        reconstructions: the greedy text at the posterior mean of each seed, R of them.
        control: texts of a language model without a latent variable, or None.
    """

    z: Tensor
    sampler_log_p: Tensor
    log_p_x_z: Tensor
    finished: Tensor
    draws: Draws
    strings: list[str]
    tokenized: Tokenized | None = None
    seeds: Tensor | None = None
    resampled: list[str] | None = None
    reconstructions: list[str] | None = None
    control: list[str] | None = None

    @property
    def texts(self) -> int:
        """Number of drawn texts M."""
        return len(self.z)

    @cached_property
    def sampler_error(self) -> Tensor:
        """|log p by the sampler - log p by the scorer| per token of each text, ``[M]``; 0 but for rounding."""
        return (self.sampler_log_p.double() - self.log_p_x_z.double()).abs() / self.draws.tokens.clamp_min(1)

    @cached_property
    def standardised(self) -> Tensor:
        """(z - mean)/std of the z that a text was drawn from under q(.|text), finished texts only, ``[M', D]``.

        Independent standard normal where q(z|x) is the posterior of the model.
        """
        residual_MD = (self.z.double() - self.draws.posterior_mean.double()) / self.draws.posterior_std.double()
        return residual_MD[self.finished]

    @cached_property
    def likelihood_ranks(self) -> Tensor:
        """Share of S draws of q(z|x) with a log p(x|z) below that of the true z, ties broken at random, ``[M']``."""
        drawn_SM = self.draws.log_p_x_z.double()
        below_M = (drawn_SM < self.log_p_x_z.double()).sum(0).double()
        jitter_M = torch.rand(len(below_M), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        return ((below_M + jitter_M) / (len(drawn_SM) + 1))[self.finished]
