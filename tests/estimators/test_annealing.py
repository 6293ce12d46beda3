from __future__ import annotations

import pytest
import torch

from vaescope.estimators import annealing
from vaescope.estimators.gaussian import standard_log_density
from vaescope.evidence.linear_gaussian import LinearGaussian


@pytest.fixture(scope="module")
def sandwich():
    vae = LinearGaussian.matched(latent_size=3, data_size=5, rate=4.0)
    generator = torch.Generator().manual_seed(0)
    z_PD = torch.randn(16, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(16, 5, generator=generator, dtype=torch.float64)
    x_Pn = z_PD @ vae.weight.mT + vae.bias + noise
    chains = annealing.Chains(
        lambda z: standard_log_density(z).sum(-1),
        lambda z: vae.log_conditional(x_Pn, z),
        torch.full((16,), 0.2, dtype=torch.float64),
        generator,
    )
    start = torch.randn(4, 16, 3, generator=generator, dtype=torch.float64)
    lower = annealing.forward(chains, start, 150)
    upper = annealing.reverse(chains, z_PD.expand(4, -1, -1), 150)
    return vae.log_prob(x_Pn), lower, upper


def test_the_truth_is_between_the_bounds(sandwich):
    truth, lower, upper = sandwich
    below = (truth - lower.logsumexp(0) + torch.tensor(4.0).log()).mean().item()
    above = (upper.mean(0) - truth).mean().item()
    assert -0.1 <= below <= 0.5
    assert -0.1 <= above <= 0.5


def test_powers_go_from_0_to_1():
    powers = annealing.powers(10)
    assert (powers[0], powers[-1], len(powers)) == (0, 1, 11)
    assert (powers.diff() > 0).all()
