"""Diagonal Gaussians and their mixtures, against torch's own distributions."""

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal, kl_divergence

from vaescope.errors import UserError
from vaescope.estimators import distributions
from vaescope.estimators.distributions import DiagonalGaussian, GaussianMixture


def random_gaussian(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mean, std = torch.randn(shape, generator=generator), torch.rand(shape, generator=generator) + 0.1
    return DiagonalGaussian(mean, std), Independent(Normal(mean, std), 1)


def test_it_is_the_distribution_of_torch():
    ours, theirs = random_gaussian(3, 4)
    z = torch.randn(5, 3, 4)
    assert (ours.batch_shape, ours.event_shape) == (theirs.batch_shape, theirs.event_shape)
    torch.testing.assert_close(ours.log_prob(z), theirs.log_prob(z))
    torch.testing.assert_close(ours.entropy(), theirs.entropy())
    torch.testing.assert_close(ours.variance, theirs.variance)
    assert torch.equal(ours.stddev, theirs.base_dist.scale)
    assert ours.expand([2, 3]).rsample((7,)).shape == (7, 2, 3, 4)


def test_the_kl_of_the_units_sums_to_the_kl():
    (q, torch_q), (p, torch_p) = random_gaussian(3, 4), random_gaussian(4, seed=1)
    torch.testing.assert_close(q.unit_kl(p).sum(-1), kl_divergence(torch_q, torch_p.expand([3])))
    torch.testing.assert_close(q.unit_kl(p).sum(-1), kl_divergence(q, p.expand([3])))
    assert q.unit_kl(q).abs().max() == 0


def test_samples_from_noise_have_the_density_that_is_returned():
    q, _ = random_gaussian(3, 4)
    noise = torch.randn(6, 3, 4)
    z, log_q = q.draw(noise)
    torch.testing.assert_close((z - q.mean) / q.stddev, noise)
    torch.testing.assert_close(log_q, q.log_prob(z))


def test_a_standard_gaussian_is_standard_by_construction_only():
    assert DiagonalGaussian.standard(2).is_standard
    assert DiagonalGaussian.standard(2).expand([3]).is_standard
    assert not DiagonalGaussian(torch.zeros(2), torch.ones(2)).is_standard


def test_a_gaussian_of_torch_is_taken_as_it_is():
    _, theirs = random_gaussian(3, 4)
    assert torch.equal(DiagonalGaussian.of(theirs).stddev, theirs.base_dist.scale)
    assert not DiagonalGaussian.of(theirs).is_standard
    with pytest.raises(UserError, match=r"expected a diagonal Gaussian.* not MultivariateNormal"):
        DiagonalGaussian.of(MultivariateNormal(torch.zeros(2), torch.eye(2)))
    with pytest.raises(UserError, match="not Normal"):
        DiagonalGaussian.of(Normal(torch.zeros(2), torch.ones(2)))


def test_rows_and_batches():
    q, _ = random_gaussian(5, 4)
    again = DiagonalGaussian.concatenate([q[:2], q[2:]])
    assert torch.equal(again.mean, q.mean)
    assert torch.equal(again.stddev, q.stddev)
    assert q[3].batch_shape == ()


def random_mixture(components=5, size=3):
    gaussians, theirs = random_gaussian(components, size)
    log_weight = torch.randn(components, generator=torch.Generator().manual_seed(2)).log_softmax(0)
    return GaussianMixture(log_weight, gaussians), MixtureSameFamily(Categorical(logits=log_weight), theirs)


def test_a_mixture_is_that_of_torch():
    ours, theirs = random_mixture()
    z = torch.randn(4, 6, 3)
    torch.testing.assert_close(ours.log_prob(z), theirs.log_prob(z))
    torch.testing.assert_close(ours.mean, theirs.mean)
    torch.testing.assert_close(ours.variance, theirs.variance)


def test_a_mixture_in_parts_is_the_same(monkeypatch):
    ours, _ = random_mixture()
    z = torch.randn(11, 3)
    whole = ours.log_prob(z)
    monkeypatch.setattr(distributions, "TERMS_AT_ONCE", 40)
    torch.testing.assert_close(whole, ours.log_prob(z))


def test_samples_of_a_mixture_have_its_moments():
    ours, _ = random_mixture()
    torch.manual_seed(0)
    z = ours.rsample((20_000,))
    assert ((z.mean(0) - ours.mean).abs() < 5 * ours.stddev / 20_000**0.5).all()
    torch.testing.assert_close(z.var(0), ours.variance, rtol=0.06, atol=0)
    assert ours.rsample((2, 3)).shape == (2, 3, 3)


def test_narrow_components_far_away_lose_no_digits():
    mean, std = torch.tensor([[1e3, -1e3]]), torch.full((1, 2), 1e-3)
    got = GaussianMixture(torch.zeros(1), DiagonalGaussian(mean, std)).log_prob(mean)
    assert got.item() == pytest.approx(Normal(0.0, 1e-3).log_prob(torch.tensor(0.0)).item() * 2, rel=1e-5)
