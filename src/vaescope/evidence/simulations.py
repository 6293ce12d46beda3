"""Simulations: texts drawn from a model, z ~ p(z) and x ~ p(x|z), and what the model says about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaescope.evidence.draws import Draws
from vaescope.randomness import stream


@dataclass(frozen=True)
class Simulations:
    """Texts drawn from the model: M texts from p(x, z), and texts from p(x|z) at z of the data's texts.

    Attributes:
        z: the z ~ p(z) that each text was drawn from, ``[M, D]``.
        sampler_log_p: log p(x|z) as computed by the sampler, nats per text, ``[M]``.
        log_p_x_z: the same as computed by the scorer on the drawn tokens, ``[M]``.
        finished: whether the text ended within the length limit and contains no BOS or padding token, ``[M]``.
        draws: a sweep over the M drawn texts: q(z|x) and S importance weights of each.
        strings: the M drawn texts.
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

        Independent standard normal if q(z|x) is the posterior of the model.
        """
        residual_MD = (self.z.double() - self.draws.posterior_mean.double()) / self.draws.posterior_std.double()
        return residual_MD[self.finished]

    @cached_property
    def likelihood_ranks(self) -> Tensor:
        """Rank of log p(x|z) of the true z among S draws of q(z|x), as a number in (0, 1), ``[M']``.

        Uniform if q(z|x) is the posterior. Ties are broken at random, since a decoder that ignores z gives every z the
        same likelihood.
        """
        drawn_SM, true_M = self.draws.log_p_x_z.double(), self.log_p_x_z.double()
        below_M, ties_M = (drawn_SM < true_M).sum(0), (drawn_SM == true_M).sum(0)
        place_M = torch.rand(len(below_M), dtype=torch.float64, generator=stream(0, "tied ranks"))
        return ((below_M + place_M * (1 + ties_M)) / (len(drawn_SM) + 1))[self.finished]
