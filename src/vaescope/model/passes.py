"""Pass: the three distributions on one training batch, the only input of an objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaescope.estimators.distributions import DiagonalGaussian

if TYPE_CHECKING:
    from vaescope.model.prior import Prior


@dataclass(frozen=True)
class Pass:
    """The three distributions of a text VAE, evaluated on a batch: q(z|x), p(x|z), p(z).

    All densities are in nats per text, float32 or wider. S is the number of posterior
    samples per text, B the number of texts, D the latent size.

    Attributes:
        posterior: q(z|x), batch shape ``[B]``, event shape ``[D]``.
        prior: p(z), a module with ``log_prob``, ``sample`` and ``rate``.
        z: samples of q(z|x), reparameterised, ``[S, B, D]``.
        log_p_x_z: log p(x|z) summed over predicted tokens, ``[S, B]``.
        log_p_z: log p(z), ``[S, B]``.
        log_q_z_x: log q(z|x), ``[S, B]``.
        tokens: predicted tokens of each text, ``[B]``.
        dataset_size: number N of training texts, which estimators of q(z) need.
    """

    posterior: DiagonalGaussian
    prior: Prior
    z: Tensor
    log_p_x_z: Tensor
    log_p_z: Tensor
    log_q_z_x: Tensor
    tokens: Tensor
    dataset_size: int

    @property
    def rate(self) -> Tensor:
        """KL(q(z|x) || p(z)) of each text, ``[B]``: the closed form where the prior has one, else Monte Carlo."""
        closed_form = self.prior.rate(self.posterior)
        if closed_form is None:
            return (self.log_q_z_x - self.log_p_z).mean(0)
        return closed_form.sum(-1)

    @property
    def distortion(self) -> Tensor:
        """-E_q(z|x) log p(x|z) of each text by its S samples, ``[B]``, unbiased."""
        return -self.log_p_x_z.mean(0)

    @staticmethod
    def concatenate(passes: list[Pass]) -> Pass:
        """Join the passes of the parts of a split into one."""
        first = passes[0]
        if len(passes) == 1:
            return first
        return Pass(
            posterior=DiagonalGaussian.concatenate([p.posterior for p in passes]),
            prior=first.prior,
            z=torch.cat([p.z for p in passes], 1),
            log_p_x_z=torch.cat([p.log_p_x_z for p in passes], 1),
            log_p_z=torch.cat([p.log_p_z for p in passes], 1),
            log_q_z_x=torch.cat([p.log_q_z_x for p in passes], 1),
            tokens=torch.cat([p.tokens for p in passes]),
            dataset_size=first.dataset_size,
        )
