"""The minibatch estimators of q(z) against enumeration of all batches, and their ceilings."""

import itertools
import math

import pytest
import torch

from vaescope.errors import UserError
from vaescope.estimators.aggregate_density import log_aggregate as exact_log_aggregate
from vaescope.estimators.gaussian import log_density
from vaescope.estimators.minibatch import (
    LOG_WEIGHTS,
    log_aggregate,
    log_marginal_aggregate,
    stratified_log_weights,
    weighted_log_weights,
)
from vaescope.evidence.linear_gaussian import LinearGaussian

N, D = 6, 2


@pytest.fixture
def posteriors():
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn((N, D), generator=generator, dtype=torch.float64)
    std = torch.rand((N, D), generator=generator, dtype=torch.float64) + 0.3
    z = mean + std * torch.randn((1, N, D), generator=generator, dtype=torch.float64)
    return z, mean, std


def estimate(posteriors, batch, weights):
    z, mean, std = (part[..., batch, :] for part in posteriors)
    own = log_density(z, mean, std).sum(-1)
    log_w = weights(len(batch), N).double()
    return log_aggregate(z, mean, std, log_w_BB=log_w, own_SB=own)[0]


@pytest.mark.parametrize("size", [2, 3, 5, 6])
def test_stratified_is_unbiased_over_all_batches(posteriors, size):
    """The mean over all batches that hold text i of the estimate of q(z_i) is q_N(z_i), for every i."""
    sums, counts = torch.zeros(N, dtype=torch.float64), torch.zeros(N)
    for batch in itertools.combinations(range(N), size):
        sums[list(batch)] += estimate(posteriors, list(batch), stratified_log_weights).exp()
        counts[list(batch)] += 1
    z, mean, std = posteriors
    torch.testing.assert_close(sums / counts, exact_log_aggregate(z[0], mean, std).exp(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("size", [2, 3, 5, 6])
def test_stratified_margins_are_unbiased_over_all_batches(posteriors, size):
    z, mean, std = posteriors
    sums, counts = torch.zeros(N, D, dtype=torch.float64), torch.zeros(N, 1)
    for batch in map(list, itertools.combinations(range(N), size)):
        log_w = stratified_log_weights(size, N).double()
        sums[batch] += log_marginal_aggregate(z[:, batch], mean[batch], std[batch], log_w_BB=log_w)[0].exp()
        counts[batch] += 1
    exact = log_density(z[0, :, None], mean, std).exp().mean(1)
    torch.testing.assert_close(sums / counts, exact, rtol=1e-6, atol=0)


def test_the_whole_data_set_as_batch_is_exact(posteriors):
    z, mean, std = posteriors
    value = estimate(posteriors, list(range(N)), stratified_log_weights)
    torch.testing.assert_close(value, exact_log_aggregate(z[0], mean, std), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("texts", [2, 3, 64])
def test_each_row_of_stratified_weights_is_a_distribution(texts):
    weights = stratified_log_weights(texts, 1000).double().exp()
    torch.testing.assert_close(weights.sum(1), torch.ones(texts, dtype=torch.float64), rtol=1e-5, atol=0)
    torch.testing.assert_close(weights.diagonal(), torch.full((texts,), 1e-3, dtype=torch.float64), rtol=1e-5, atol=0)
    assert weights[0, 1:].unique().numel() == 1  # no column is another's


@pytest.mark.parametrize(
    ("name", "ceiling"), [("stratified", math.log(1000)), ("weighted", math.log(1000 * 8)), ("batch", math.log(8))]
)
def test_information_of_separate_posteriors_is_the_ceiling(name, ceiling):
    mean, std = torch.arange(8.0)[:, None].expand(8, 2) * 100, torch.ones(8, 2)
    own = log_density(mean[None], mean, std).sum(-1)
    log_q = log_aggregate(mean[None], mean, std, log_w_BB=LOG_WEIGHTS[name](8, 1000), own_SB=own)
    torch.testing.assert_close((own - log_q).mean().item(), ceiling, rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("name", "offset"), [("stratified", 0.0), ("weighted", math.log(1000)), ("batch", 0.0), ("others", 0.0)]
)
def test_information_of_a_collapsed_posterior_is_none_or_the_offset(name, offset):
    z = torch.randn(3, 8, 2, generator=torch.Generator().manual_seed(0))
    mean, std = torch.zeros(8, 2), torch.ones(8, 2)
    own = log_density(z, mean, std).sum(-1)
    log_q = log_aggregate(z, mean, std, log_w_BB=LOG_WEIGHTS[name](8, 1000), own_SB=own)
    assert (own - log_q).mean().item() == pytest.approx(offset, abs=1e-4)


def test_the_batch_bounds_information_from_below_and_its_others_from_above():
    vae = LinearGaussian.matched(latent_size=4, data_size=6, rate=3.0)
    found = {name: [] for name in ("batch", "others")}
    for seed in range(40):
        draws = vae.sample_draws(64, seed=seed)
        z, mean, std = draws["z"], draws["posterior_mean"], draws["posterior_std"]
        for name, values in found.items():
            log_w = LOG_WEIGHTS[name](64, 10**6).double()
            log_q = log_aggregate(z, mean, std, log_w_BB=log_w, own_SB=draws["log_q_z_x"])
            values.append((draws["log_q_z_x"] - log_q).mean())
    (low, low_se), (high, high_se) = ((torch.stack(v).mean(), torch.stack(v).std() / 40**0.5) for v in found.values())
    assert low + 3 * low_se < vae.information < high - 3 * high_se


def test_tiles_do_not_change_the_sums(posteriors, monkeypatch):
    whole = estimate(posteriors, list(range(N)), weighted_log_weights)
    monkeypatch.setattr("vaescope.estimators.minibatch.LARGEST_TILE", 1)
    torch.testing.assert_close(estimate(posteriors, list(range(N)), weighted_log_weights), whole)


def test_a_batch_of_one_text_has_no_others():
    with pytest.raises(UserError, match="at least 2 texts"):
        stratified_log_weights(1, 10)
