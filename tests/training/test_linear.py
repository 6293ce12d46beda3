"""A linear VAE under the real objective and optimiser reaches the optimum that has a closed form (pPCA)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from vaescope import choices
from vaescope.config import TrainingConfig
from vaescope.model.linear_gaussian import LinearGaussian
from vaescope.model.passes import Pass
from vaescope.model.priors.standard import Standard
from vaescope.objectives.objective import Objective
from vaescope.training.optimiser import build_optimiser, learning_rate

N, SIZE, LATENT = 2000, 8, 3


class Linear(nn.Module):
    """q(z|x) = N(A x + c, diag), p(x|z) = N(W z + b, noise I)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(SIZE, LATENT)
        self.decoder = nn.Linear(LATENT, SIZE)
        self.log_std = nn.Parameter(torch.zeros(LATENT))
        self.log_noise = nn.Parameter(torch.zeros(()))
        self.prior = Standard(LATENT)

    def forward(self, x_Bn: torch.Tensor) -> Pass:
        mean = self.encoder(x_Bn)
        posterior = Independent(Normal(mean, self.log_std.exp().expand_as(mean)), 1)
        z = posterior.rsample((4,))
        likelihood = Independent(Normal(self.decoder(z), (0.5 * self.log_noise).exp()), 1)
        return Pass(
            posterior=posterior,
            prior=self.prior,
            z=z,
            log_p_x_z=likelihood.log_prob(x_Bn),
            log_p_z=self.prior.log_prob(z),
            log_q_z_x=posterior.log_prob(z),
            tokens=torch.full((len(x_Bn),), SIZE),
            dataset_size=N,
        )

    def closed_form(self, x_Nn: torch.Tensor) -> LinearGaussian:
        weight, bias = self.decoder.weight.detach().double(), self.decoder.bias.detach().double()
        return LinearGaussian(
            weight=weight,
            bias=bias,
            noise=self.log_noise.exp().item(),
            data_mean=x_Nn.double().mean(0),
            data_covariance=torch.cov(x_Nn.double().mT, correction=0),
            encoder_weight=self.encoder.weight.detach().double(),
            encoder_bias=self.encoder.bias.detach().double(),
            encoder_std=self.log_std.detach().double().exp(),
        )


@pytest.mark.slow
def test_a_linear_vae_reaches_the_optimum_of_probabilistic_pca():
    torch.manual_seed(0)
    x_Nn = torch.randn(N, SIZE) @ torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0, 1.0, 0.9, 0.8, 0.7])) + 0.5
    config = TrainingConfig(steps=3000, learning_rate=0.02, schedule="cosine", weight_decay=0.0)
    model, rate = Linear(), learning_rate(config)
    objective = Objective(**choices.build("objectives", "vae").spec())
    optimiser = build_optimiser(model, config)
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        loss = objective(model(x_Nn[torch.randint(N, (256,))]), step)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
    found = model.closed_form(x_Nn)
    values = torch.linalg.eigvalsh(found.data_covariance).flip(0)
    noise = values[LATENT:].mean().item()
    log_det = values[:LATENT].log().sum().item() + (SIZE - LATENT) * math.log(noise)
    assert found.elbo == pytest.approx(-0.5 * (SIZE * (math.log(2 * math.pi) + 1) + log_det), rel=0.01)
    assert found.rate == pytest.approx(0.5 * (values[:LATENT] / noise).log().sum().item(), rel=0.01)
    assert found.marginal_kl < 0.01
    assert found.inference_gap < 0.01
