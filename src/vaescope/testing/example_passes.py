"""Passes with a known posterior, on which terms and objectives are tested."""

from __future__ import annotations

import torch
from torch import Tensor

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.passes import Pass
from vaescope.model.priors.standard import Standard


def pass_of(mean_BD: Tensor, std_BD: Tensor, *, samples: int = 2, seed: int = 0) -> Pass:
    """Return a pass with these posteriors, the prior N(0, I), and the decoder log p(x|z) = -sum_d (z_d - 1)^2.

    Args:
        mean_BD: means of q(z|x), ``[B, D]``; the pass has their type.
        std_BD: standard deviations, ``[B, D]``.
        samples: posterior samples S per text.
        seed: seed of the samples.

    >>> pass_of(torch.zeros(3, 2), torch.ones(3, 2)).rate.tolist()
    [0.0, 0.0, 0.0]
    """
    generator = torch.Generator().manual_seed(seed)
    noise_SBD = torch.randn((samples, *mean_BD.shape), generator=generator, dtype=mean_BD.dtype)
    posterior = DiagonalGaussian(mean_BD, std_BD)
    z, log_q_z_x = posterior.draw(noise_SBD)
    return Pass(
        posterior=posterior,
        prior=Standard(mean_BD.shape[1]),
        z=z,
        log_p_x_z=-((z - 1) ** 2).sum(-1),
        log_p_z=torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1),
        log_q_z_x=log_q_z_x,
        tokens=torch.full((mean_BD.shape[0],), 5),
        dataset_size=100,
    )


def random_pass(texts: int = 6, units: int = 4, *, seed: int = 1) -> Pass:
    """Return a pass with random posteriors."""
    generator = torch.Generator().manual_seed(seed)
    mean_BD = torch.randn((texts, units), generator=generator)
    return pass_of(mean_BD, torch.rand((texts, units), generator=generator) + 0.1)
