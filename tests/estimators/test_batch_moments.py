"""Estimates of q(z) from a batch by moments and by kernel densities, against closed forms."""

from dataclasses import replace

import pytest
import torch

from vaescope.estimators.density import log_kernel_density
from vaescope.estimators.gaussian import moments_kl, standard_log_density
from vaescope.estimators.moments import moments_kl_of_batch
from vaescope.evidence.linear_gaussian import LinearGaussian


def test_moments_are_those_of_a_linear_gaussian_vae():
    """q(z) is Gaussian there, so its marginal KL is the moment KL; the bias of 40 texts is taken out."""
    vae = LinearGaussian.matched(latent_size=4, data_size=6, rate=4.0)
    vae = replace(vae, encoder_weight=1.5 * vae.encoder_weight, encoder_bias=vae.encoder_bias + 0.3)
    values = [moments_kl_of_batch(*vae.encode(vae.sample_data(40, seed=seed))).item() for seed in range(300)]
    values = torch.tensor(values)
    assert values.mean().item() == pytest.approx(vae.marginal_kl, abs=4 * values.std().item() / 300**0.5 + 0.02)


def test_of_many_texts_moments_agree_with_the_plain_formula():
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn((5000, 3), generator=generator, dtype=torch.float64) @ torch.tensor(
        [[1.0, 0.5, 0.0], [0.0, 0.8, 0.1], [0.0, 0.0, 0.2]], dtype=torch.float64
    )
    std = torch.rand((5000, 3), generator=generator, dtype=torch.float64) + 0.1
    covariance = mean.mT.cov() + std.square().mean(0).diag()
    assert moments_kl_of_batch(mean, std).item() == pytest.approx(moments_kl(mean.mean(0), covariance), abs=0.005)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
def test_moments_of_few_sharp_texts_are_finite(scale):
    mean = (1e3 * torch.randn(4, 8, generator=torch.Generator().manual_seed(0))).requires_grad_()
    value = moments_kl_of_batch(mean, torch.full((4, 8), scale))
    value.backward()
    assert value.isfinite()
    assert mean.grad.isfinite().all()


def test_kernel_densities_find_shifted_and_scaled_margins():
    """sum_d KL(N(m_d, s_d^2) || N(0, 1)), each unit by itself (pooling them would hide the shifts)."""
    shift, scale = torch.tensor([2.0, -2.0, 0.0]), torch.tensor([1.0, 1.0, 0.5])
    z = shift + scale * torch.randn(1500, 3, generator=torch.Generator().manual_seed(0))
    truth = 0.5 * (shift.square() + scale.square() - 1) - scale.log()
    value = (log_kernel_density(z) - standard_log_density(z)).mean(0)
    torch.testing.assert_close(value, truth, rtol=0.05, atol=0.05)


def test_points_without_spread_have_a_finite_density_and_gradient():
    z = torch.full((5, 2), 1e3).requires_grad_()
    value = log_kernel_density(z)
    value.sum().backward()
    assert value.isfinite().all()
    assert z.grad.isfinite().all()
