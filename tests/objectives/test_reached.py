"""Short trainings of a linear VAE, whose information, marginal KL and distortion have closed forms."""

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.model.passes import Pass
from vaescope.model.priors.standard import Standard
from vaescope.objectives.objective import build_objective

SIZE, LATENT, TEXTS = 5, 2, 256
SCALES = torch.tensor([2.0, 1.5, 1.0, 0.8, 0.6])


class Linear(nn.Module):
    """q(z|x) = N(A x + c, diag), p(x|z) = N(W z + b, I)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.decoder = nn.Linear(SIZE, LATENT), nn.Linear(LATENT, SIZE)
        self.log_std = nn.Parameter(torch.zeros(LATENT))
        self.prior = Standard(LATENT)

    def forward(self, x_Bn):
        mean_BD = self.encoder(x_Bn)
        q = DiagonalGaussian(mean_BD, self.log_std.exp().expand_as(mean_BD))
        z, log_q = q.draw(torch.randn(2, *mean_BD.shape))
        log_p = Independent(Normal(self.decoder(z), 1.0), 1).log_prob(x_Bn)
        return Pass(q, self.prior, z, log_p, self.prior.log_prob(z), log_q, torch.ones(len(x_Bn)), 10**6)

    def closed_form(self):
        return LinearGaussian(
            weight=self.decoder.weight.detach().double(),
            bias=self.decoder.bias.detach().double(),
            noise=1.0,
            data_mean=torch.zeros(SIZE).double(),
            data_covariance=SCALES.square().diag().double(),
            encoder_weight=self.encoder.weight.detach().double(),
            encoder_bias=self.encoder.bias.detach().double(),
            encoder_std=self.log_std.detach().double().exp(),
        )


def trained(spec, steps=500):
    model, objective = Linear(), build_objective(spec)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, steps)
    for step in range(steps):
        loss = objective(model(torch.randn(TEXTS, SIZE) * SCALES), step)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        schedule.step()
        objective.ascend(loss.terms)
    return model.closed_form()


def test_an_unconstrained_vae_stays_below_the_targets_of_this_file():
    found = trained("vae")
    assert found.information < 1.4
    assert found.marginal_kl < 0.05


@pytest.mark.parametrize("information", [2.0, 3.0])
def test_an_information_floor_holds_information(information):
    found = trained({"preset": "information_floor", "information": information})
    # the batch bounds the information from below, by little at log 256 = 5.5
    assert information - 0.05 < found.information < information + 0.5


def test_a_marginal_cap_makes_the_forced_rate_information():
    forced = trained({"preset": "mdr", "rate": 4.0})
    capped = trained({"preset": "marginal_cap", "rate": 4.0, "marginal_kl": 0.01})
    assert forced.rate == pytest.approx(4.0, abs=0.2)
    assert capped.rate == pytest.approx(4.0, abs=0.2)
    assert capped.marginal_kl < 0.02 < 0.03 < forced.marginal_kl
    assert capped.information > forced.information


@pytest.mark.parametrize("method", ["lagrangian", "pi"])
def test_geco_holds_the_distortion_and_leaves_the_rate(method):
    free = trained("autoencoder").distortion
    found = trained({"preset": "geco", "language_model": free + 2.0, "saved": 1.0, "method": method})
    assert found.distortion == pytest.approx(free + 1.0, abs=0.1)
    # the least rate at that distortion: more of it buys nothing
    assert found.rate < trained({"preset": "beta_vae", "beta": 0.1}).rate


def test_control_vae_holds_the_rate():
    found = trained({"preset": "control_vae", "rate": 3.0, "integral": 1e-3}, steps=1500)
    assert found.rate == pytest.approx(3.0, abs=0.15)
