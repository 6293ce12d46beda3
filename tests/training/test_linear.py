"""A linear VAE trained by the real Trainer reaches the optimum in closed form (probabilistic PCA)."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from torch import nn
from torch.distributions import Independent, Normal

from vaescope.config import parse_config
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.model.priors.standard import Standard
from vaescope.runs.run_folder import RunFolder
from vaescope.training import task as task_module
from vaescope.training.trainer import Trainer

N, SIZE, LATENT, STEPS = 1000, 8, 3, 1500


class Linear(nn.Module):
    """q(z|x) = N(A x + c, diag), p(x|z) = N(W z + b, noise I); the x of a text is found by its place in the split."""

    packs = False
    config = SimpleNamespace(is_language_model=False)

    def __init__(self, x_Nn: torch.Tensor) -> None:
        super().__init__()
        self.x_Nn = x_Nn
        self.encoder = nn.Linear(SIZE, LATENT)
        self.decoder = nn.Linear(LATENT, SIZE)
        self.log_std = nn.Parameter(torch.zeros(LATENT))
        self.log_noise = nn.Parameter(torch.zeros(()))
        self.prior = Standard(LATENT)

    def encode(self, *batches) -> DiagonalGaussian:
        mean = self.encoder(self.x_Nn[torch.cat([batch.index for batch in batches])])
        return DiagonalGaussian(mean, self.log_std.exp().expand_as(mean))

    def log_likelihood(self, batch, z):
        likelihood = Normal(self.decoder(z), (0.5 * self.log_noise).exp())
        return Independent(likelihood, 1).log_prob(self.x_Nn[batch.index])

    def closed_form(self) -> LinearGaussian:
        return LinearGaussian(
            weight=self.decoder.weight.detach().double(),
            bias=self.decoder.bias.detach().double(),
            noise=self.log_noise.exp().item(),
            data_mean=self.x_Nn.double().mean(0),
            data_covariance=torch.cov(self.x_Nn.double().mT, correction=0),
            encoder_weight=self.encoder.weight.detach().double(),
            encoder_bias=self.encoder.bias.detach().double(),
            encoder_std=self.log_std.detach().double().exp(),
        )


def trained(monkeypatch, folder) -> LinearGaussian:
    torch.manual_seed(0)
    scales = torch.tensor([4.0, 3.0, 2.0, 1.0, 1.0, 0.9, 0.8, 0.7])
    monkeypatch.setattr(task_module, "build_model", lambda *_: Linear(torch.randn(N, SIZE) * scales + 0.5))
    config = parse_config(
        {
            "data": {"known": "template", "sizes": [N, 20, 20]},
            "tokenizer": {"vocab_size": 270},
            "objective": "vae",
            "training": {
                "steps": STEPS,
                "batch_size": 500,
                "accumulate": 2,
                "samples": 8,
                "learning_rate": 0.03,
                "schedule": "cosine",
                "weight_decay": 0.0,
                "clip": 100.0,
                "precision": "fp32",
                "tracker": "none",
            },
            "out": str(folder),
        }
    )
    accelerator = Accelerator(cpu=True)
    trainer = Trainer(task_module.prepare(config, RunFolder(config.out), accelerator), accelerator)
    while trainer.step < STEPS:
        trainer.advance()
    return trainer.model.closed_form()


@pytest.mark.slow
def test_a_linear_vae_reaches_the_optimum_of_probabilistic_pca(monkeypatch, tmp_path):
    found = trained(monkeypatch, tmp_path / "run")
    values = torch.linalg.eigvalsh(found.data_covariance).flip(0)
    noise = values[LATENT:].mean().item()
    log_det = values[:LATENT].log().sum().item() + (SIZE - LATENT) * math.log(noise)
    assert found.elbo == pytest.approx(-0.5 * (SIZE * (math.log(2 * math.pi) + 1) + log_det), rel=0.01)
    assert found.rate == pytest.approx(0.5 * (values[:LATENT] / noise).log().sum().item(), rel=0.01)
    assert found.marginal_kl < 0.01
    assert found.inference_gap < 0.02
