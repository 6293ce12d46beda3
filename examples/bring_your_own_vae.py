"""Assess a VAE from outside vaescope: fill Draws with its tensors for N texts, and assess them.

    python examples/bring_your_own_vae.py

The VAE below is plain PyTorch: texts of 8 tokens, a linear encoder and a decoder that predicts every token from z
alone. Any model will do that can say q(z|x), log p(x|z) and log p(z); nats per text, S samples of z for each text.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, Normal

import vaescope

VOCABULARY, LENGTH, LATENT, TEXTS, SAMPLES = 12, 8, 2, 400, 64


class PlainVae(nn.Module):
    """z in R^2; a text is LENGTH tokens, independent given z."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(VOCABULARY, 2 * LATENT)
        self.decoder = nn.Linear(LATENT, VOCABULARY)

    def posterior(self, x_NT: Tensor) -> Independent:
        """Return q(z|x)."""
        counts_NV = nn.functional.one_hot(x_NT, VOCABULARY).sum(1).float()
        mean_ND, log_std_ND = self.encoder(counts_NV).chunk(2, dim=1)
        return Independent(Normal(mean_ND, log_std_ND.exp()), 1)

    def log_likelihood(self, x_NT: Tensor, z_SND: Tensor) -> Tensor:
        """Return log p(x|z), summed over the tokens, ``[S, N]``."""
        return Categorical(logits=self.decoder(z_SND).unsqueeze(-2)).log_prob(x_NT).sum(-1)


def standard_normal() -> Independent:
    """Return p(z)."""
    return Independent(Normal(torch.zeros(LATENT), torch.ones(LATENT)), 1)


@torch.no_grad()
def fill(vae: PlainVae, x_NT: Tensor) -> vaescope.Draws:
    """Return the tensors of the VAE for N texts. For your own model, this is all you have to write."""
    posterior = vae.posterior(x_NT)
    z_SND = posterior.sample((SAMPLES,))
    return vaescope.Draws(
        posterior_mean=posterior.mean,
        posterior_std=posterior.stddev,
        z=z_SND,
        log_p_x_z=vae.log_likelihood(x_NT, z_SND),
        log_p_z=standard_normal().log_prob(z_SND),
        log_q_z_x=posterior.log_prob(z_SND),
        tokens=torch.full((len(x_NT),), LENGTH),
        metadata={"corpus": "two topics", "split": "valid"},
    )


def train(vae: PlainVae, x_NT: Tensor, steps: int = 300) -> None:
    """Minimise distortion + rate, one sample per text."""
    optimiser = torch.optim.Adam(vae.parameters(), lr=0.03)
    for _ in range(steps):
        posterior = vae.posterior(x_NT)
        z_SND = posterior.rsample((1,))
        rate = posterior.log_prob(z_SND) - standard_normal().log_prob(z_SND)
        loss = (rate - vae.log_likelihood(x_NT, z_SND)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def two_topics(n: int) -> Tensor:
    """Return texts of tokens 0 to 5 or of tokens 6 to 11."""
    return torch.randint(VOCABULARY // 2, (n, LENGTH)) + VOCABULARY // 2 * torch.randint(2, (n, 1))


def main(file: Path | None = None) -> vaescope.Draws:
    """Train, fill, assess; with a file, also write it for ``vaescope assess --draws FILE``."""
    torch.manual_seed(0)
    vae = PlainVae()
    train(vae, two_topics(1000))
    draws = fill(vae, two_topics(TEXTS))
    if file is not None:
        draws.save(file)
    assessment = vaescope.assess(draws)
    for finding in assessment.findings:
        print(f"{finding.verdict:10} {finding.name}: {finding.message}")
    return draws


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
