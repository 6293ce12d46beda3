"""An autoencoder of chunks, two ways to allow it a rate, and an autoregressive prior fitted afterwards."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import cooper
import torch
from texts import WIDTH, Chunks
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from vaescope.objectives.constraints import Constraint, build_constraint

Step = Callable[[Tensor, Tensor], Tensor]
"""From the distortions ``[N]`` and the rates of each unit ``[N, K, D]`` to a loss."""


class Residual(nn.Module):
    """x + MLP(norm(x))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the layers to ``x``."""
        return x + self.layers(x)


class ChunkAutoencoder(nn.Module):
    """One latent of D units for each chunk of 4 tokens. Encoder and decoder read nothing but this chunk or latent."""

    def __init__(self, vocabulary: int, pad: int, *, latent: int = 64, width: int = 256) -> None:
        super().__init__()
        self.pad = pad
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.encoder = nn.Sequential(
            nn.Flatten(-2), nn.Linear(WIDTH * width, width), *(Residual(width) for _ in range(2))
        )
        self.parameters_of_q = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, width), *(Residual(width) for _ in range(2)), nn.Linear(width, WIDTH * width)
        )
        self.norm = nn.LayerNorm(width)

    def posterior(self, x_NKW: Tensor) -> Normal:
        """Return q(z_k|x_k) of each chunk, ``[N, K, D]``."""
        embedded = self.embedding(x_NKW) * self.embedding.weight.shape[1] ** 0.5
        mean, log_std = self.parameters_of_q(self.encoder(embedded)).chunk(2, -1)
        return Normal(mean, log_std.exp())

    def log_likelihood(self, x_NKW: Tensor, z_NKD: Tensor) -> Tensor:
        """Return log p(x|z), summed over the tokens up to EOS, ``[N]``."""
        states = self.norm(self.decoder(z_NKD).unflatten(-1, (WIDTH, -1)))
        log_p = (states @ self.embedding.weight.mT).log_softmax(-1)
        found = log_p.gather(-1, x_NKW.unsqueeze(-1)).squeeze(-1)
        return (found * (x_NKW != self.pad)).sum((-1, -2))


def standard_like(q: Normal) -> Normal:
    """Return N(0, I) of the shape of ``q``."""
    return Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean))


def clamp(free: float) -> Step:
    """Return D + sum over units of max(free, KL of the unit), for each text by itself."""
    return lambda distortion_N, kl_NKD: (distortion_N + kl_NKD.clamp(min=free).sum((-1, -2))).mean()


class MinimumRate:
    """D + R subject to R >= target in nats per text, by the constraint and multiplier of vaescope."""

    def __init__(self, target: float) -> None:
        spec = {"term": "rate", "relation": ">=", "bound": target, "start": 0.1}
        self.constraint: Constraint = build_constraint(spec, weight=1.0)

    def __call__(self, distortion_N: Tensor, kl_NKD: Tensor) -> Tensor:
        """Return the Lagrangian, and step the multiplier."""
        rate = kl_NKD.sum((-1, -2)).mean()
        state = cooper.CMPState(
            loss=distortion_N.mean() + rate, observed_constraints=self.constraint.lagrangian_part(rate)
        )
        loss = state.compute_primal_lagrangian().lagrangian.sum()
        self.constraint.ascend(rate.detach())
        return loss


def train(data: Chunks, loss: Step, *, steps: int, batch: int = 128, seed: int = 0) -> ChunkAutoencoder:
    """Train an autoencoder by ``loss`` with a learning rate that falls to 0 along a cosine."""
    torch.manual_seed(seed)
    model = ChunkAutoencoder(data.vocabulary, data.pad)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: _learning_rate(i, steps))
    begin = time.process_time()
    for step in range(steps):
        x_NKW = data.train[torch.randint(len(data.train), (batch,))]
        q = model.posterior(x_NKW)
        distortion_N = -model.log_likelihood(x_NKW, q.rsample())
        kl_NKD = kl_divergence(q, standard_like(q))
        optimiser.zero_grad()
        loss(distortion_N, kl_NKD).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % max(1, steps // 10) == 0 or step == steps - 1:
            rate, distortion = kl_NKD.sum((-1, -2)).mean().item(), distortion_N.mean().item()
            spent = time.process_time() - begin
            print(f"  step {step:5}: rate {rate:7.2f}, distortion {distortion:6.2f}, {spent:.0f} CPU s", flush=True)
    return model


def _learning_rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))


class AutoregressivePrior(nn.Module):
    """p(z_1, ..., z_K) = prod_k N(z_k; mean and std from z_1, ..., z_k-1 by a GRU)."""

    def __init__(self, latent: int = 64, width: int = 256) -> None:
        super().__init__()
        self.latent = latent
        self.read = nn.GRU(latent, width, batch_first=True)
        self.predict = nn.Linear(width, 2 * latent)
        nn.init.zeros_(self.predict.weight)
        nn.init.zeros_(self.predict.bias)

    def forward(self, z_NKD: Tensor) -> Normal:
        """Return p(z_k|z_1, ..., z_k-1) of every place k, ``[N, K, D]``."""
        before = torch.cat([torch.zeros_like(z_NKD[:, :1]), z_NKD[:, :-1]], 1)
        mean, log_std = self.predict(self.read(before)[0]).chunk(2, -1)
        return Normal(mean, log_std.exp())

    @torch.no_grad()
    def sample(self, n: int, chunks: int) -> Tensor:
        """Return ``n`` sequences, ``[n, K, D]``."""
        z_NKD = torch.zeros(n, chunks, self.latent)
        for k in range(chunks):
            z_NKD[:, k] = self(z_NKD).sample()[:, k]
        return z_NKD


def fit_prior(model: ChunkAutoencoder, train_NKW: Tensor, *, steps: int, batch: int = 256) -> AutoregressivePrior:
    """Fit the prior to samples of q(z|x) of training texts by maximum likelihood."""
    prior = AutoregressivePrior()
    optimiser = torch.optim.Adam(prior.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: _learning_rate(i, steps))
    for _ in range(steps):
        with torch.no_grad():
            z_NKD = model.posterior(train_NKW[torch.randint(len(train_NKW), (batch,))]).sample()
        optimiser.zero_grad()
        loss = -prior(z_NKD).log_prob(z_NKD).sum((-1, -2)).mean()
        loss.backward()
        nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return prior
