"""Annealed importance sampling: bounds on log p(x) from both sides, for any p(x|z) with a gradient.

Forward from the prior, the mean of log w is at most log p(x); in reverse from an exact posterior sample (the z that
made the text), it is at least log p(x). Neal 2001; Grosse et al. 2015, arXiv:1511.02543; Wu et al. 2017,
arXiv:1611.04273.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]
"""``[C, P, D] -> [C, P]``: C chains of each of P texts."""

LEAPFROG = 5
TARGET_ACCEPTANCE = 0.65


@dataclass
class Chains:
    """Hamiltonian Monte Carlo under p(z) p(x|z)^b, with a step size for each text.

    Attributes:
        log_prior: log p(z).
        log_likelihood: log p(x|z).
        step: the step sizes, ``[P]``; they adapt to the acceptance rate, so reuse them in a second run.
        accepted: share of accepted proposals of the last move.
    """

    log_prior: LogDensity
    log_likelihood: LogDensity
    step: Tensor
    generator: torch.Generator
    accepted: float = 1.0

    def move(self, z_CPD: Tensor, power: float) -> Tensor:
        """Return the chains after one proposal of ``LEAPFROG`` steps, which keeps p(z) p(x|z)^power."""
        noise = torch.randn(z_CPD.shape, generator=self.generator).to(z_CPD)
        momentum, step = noise, self.step[:, None]
        value, gradient = self._value(z_CPD, power)
        start = value - 0.5 * momentum.square().sum(-1)
        proposal = z_CPD
        for _ in range(LEAPFROG):
            momentum = momentum + 0.5 * step * gradient
            proposal = proposal + step * momentum
            value, gradient = self._value(proposal, power)
            momentum = momentum + 0.5 * step * gradient
        log_ratio = value - 0.5 * momentum.square().sum(-1) - start
        uniform = torch.rand(log_ratio.shape, generator=self.generator).to(log_ratio)
        accept_CP = uniform.log() < log_ratio.nan_to_num(-torch.inf)
        share_P = accept_CP.double().mean(0).to(self.step)
        self.accepted = share_P.mean().item()
        self.step = self.step * torch.where(share_P > TARGET_ACCEPTANCE, 1.05, 0.95)
        return torch.where(accept_CP[..., None], proposal, z_CPD)

    def _value(self, z_CPD: Tensor, power: float) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            z = z_CPD.detach().requires_grad_()
            value = self.log_prior(z) + power * self.log_likelihood(z)
            (gradient,) = torch.autograd.grad(value.sum(), z)
        return value.detach(), gradient


def powers(count: int) -> Tensor:
    """Powers b from 0 to 1, dense at both ends where the distribution changes fastest, ``[count + 1]``."""
    ramp = torch.sigmoid(torch.linspace(-4.0, 4.0, count + 1, dtype=torch.float64))
    return (ramp - ramp[0]) / (ramp[-1] - ramp[0])


def forward(chains: Chains, z_CPD: Tensor, count: int) -> Tensor:
    """Return log w of each chain from z ~ p(z), ``[C, P]``; E exp w = p(x)."""
    return _anneal(chains, z_CPD, powers(count))


def reverse(chains: Chains, z_CPD: Tensor, count: int) -> Tensor:
    """Return -log w of each chain from z ~ p(z|x), ``[C, P]``; its expectation is at least log p(x)."""
    return -_anneal(chains, z_CPD, powers(count).flip(0))


def _anneal(chains: Chains, z_CPD: Tensor, powers_K: Tensor) -> Tensor:
    """sum_k (b_k - b_{k-1}) log p(x|z_{k-1}), each z_k moved under b_k."""
    log_w = torch.zeros(z_CPD.shape[:-1], dtype=torch.float64)
    for before, after in zip(powers_K[:-1].tolist(), powers_K[1:].tolist(), strict=True):
        with torch.no_grad():
            log_w += (after - before) * chains.log_likelihood(z_CPD).double().cpu()
        z_CPD = chains.move(z_CPD, after)
    return log_w
