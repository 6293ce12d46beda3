import pytest
import torch

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.passes import Pass
from vaescope.model.priors.standard import Standard


def build_pass(mean_BD, std_BD, samples=2, seed=0):
    """A pass whose decoder is log p(x|z) = -|z - 1|^2 summed over units, in the type of ``mean_BD``."""
    generator = torch.Generator().manual_seed(seed)
    noise_SBD = torch.randn((samples, *mean_BD.shape), generator=generator, dtype=mean_BD.dtype)
    posterior = DiagonalGaussian(mean_BD, std_BD)
    z, log_q_z_x = posterior.draw(noise_SBD)
    prior = Standard(mean_BD.shape[1])
    return Pass(
        posterior=posterior,
        prior=prior,
        z=z,
        log_p_x_z=-((z - 1) ** 2).sum(-1),
        log_p_z=torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1),
        log_q_z_x=log_q_z_x,
        tokens=torch.full((mean_BD.shape[0],), 5),
        dataset_size=100,
    )


@pytest.fixture
def make_pass():
    return build_pass


@pytest.fixture
def some_pass():
    generator = torch.Generator().manual_seed(1)
    mean = torch.randn((6, 4), generator=generator)
    return build_pass(mean, torch.rand((6, 4), generator=generator) + 0.1)
