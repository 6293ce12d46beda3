from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from vaescope.estimators import gaussian

numbers = st.floats(-5, 5)
scales = st.floats(0.01, 5)


@settings(deadline=None)
@given(numbers, numbers, scales)
def test_density_entropy_and_kl_are_those_of_torch(z, mean, std):
    z, mean, std = (torch.tensor(value, dtype=torch.float64) for value in (z, mean, std))
    normal = Normal(mean, std)
    torch.testing.assert_close(gaussian.log_density(z, mean, std), normal.log_prob(z))
    torch.testing.assert_close(gaussian.entropy(std), normal.entropy())
    standard = Normal(torch.zeros_like(mean), torch.ones_like(std))
    torch.testing.assert_close(gaussian.kl_to_standard(mean, std), kl_divergence(normal, standard))
    torch.testing.assert_close(gaussian.standard_log_density(z), standard.log_prob(z))
    assert gaussian.kl_to_standard(mean, std) >= -1e-12


def test_kl_to_full_gaussian_is_that_of_torch():
    torch.manual_seed(0)
    mean_ND, std_ND = torch.randn(5, 3).double(), torch.rand(5, 3).double() + 0.1
    factor = torch.randn(3, 3).double()
    mean_D, covariance = torch.randn(3).double(), factor @ factor.mT + torch.eye(3)
    expected = kl_divergence(
        MultivariateNormal(mean_ND, std_ND.square().diag_embed()), MultivariateNormal(mean_D, covariance)
    )
    torch.testing.assert_close(gaussian.kl_to_gaussian(mean_ND, std_ND, mean_D, covariance), expected)
