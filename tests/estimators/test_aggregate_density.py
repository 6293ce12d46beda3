from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.estimators import aggregate_density, gaussian


def posteriors(n: int, d: int, std: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mean_ND = torch.randn(n, d, generator=generator) + 3.0
    std_ND = std * (0.5 + torch.rand(n, d, generator=generator))
    return mean_ND + std_ND * torch.randn(n, d, generator=generator), mean_ND, std_ND


def direct(z_MD, mean_ND, std_ND):
    return gaussian.log_density(z_MD.double()[:, None], mean_ND.double(), std_ND.double())


@pytest.mark.parametrize("std", [0.004, 0.1, 1.0])
def test_streamed_density_equals_the_direct_one(std):
    z_MD, mean_ND, std_ND = posteriors(1100, 32, std)
    z_MD = z_MD[:40]
    expected = direct(z_MD, mean_ND, std_ND).sum(-1).logsumexp(1) - math.log(1100)
    found = aggregate_density.log_aggregate(z_MD, mean_ND, std_ND)
    assert (found - expected).abs().max() < 1e-4


@pytest.mark.parametrize("std", [0.004, 1.0])
def test_leaving_out_equals_the_direct_form(std):
    z_ND, mean_ND, std_ND = posteriors(600, 8, std)
    pairs = direct(z_ND, mean_ND, std_ND).sum(-1)
    pairs.fill_diagonal_(-torch.inf)
    expected = pairs.logsumexp(1)
    found = aggregate_density.log_block_sums(z_ND, mean_ND, std_ND, own_M=torch.arange(600)).squeeze(1)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("blocks", [1, 3, 40])
def test_blocks_partition_the_components(blocks):
    z_MD, mean_ND, std_ND = posteriors(90, 4, 0.3)
    pairs = direct(z_MD, mean_ND, std_ND).sum(-1)
    sums_MG = aggregate_density.log_block_sums(z_MD, mean_ND, std_ND, blocks=blocks)
    for block in range(blocks):
        torch.testing.assert_close(sums_MG[:, block], pairs[:, block::blocks].logsumexp(1), rtol=1e-5, atol=1e-5)


def test_weights_equal_repeated_components():
    z_MD, mean_ND, std_ND = posteriors(40, 3, 0.5)
    weight_N = torch.arange(40) % 3 + 1
    repeated = [tensor.repeat_interleave(weight_N, 0) for tensor in (mean_ND, std_ND)]
    for sums in (aggregate_density.log_block_sums, aggregate_density.log_marginal_block_sums):
        found = sums(z_MD, mean_ND, std_ND, weight_N=weight_N, blocks=4).logsumexp(1)
        torch.testing.assert_close(found, sums(z_MD, *repeated).squeeze(1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("std", [0.004, 0.5])
def test_marginal_sums_equal_the_direct_form(std):
    z_ND, mean_ND, std_ND = posteriors(1300, 3, std)
    index_M = torch.arange(0, 1300, 29)
    pairs_MND = direct(z_ND[index_M], mean_ND, std_ND)
    pairs_MND[torch.arange(len(index_M)), index_M] = -torch.inf
    found = aggregate_density.log_marginal_block_sums(z_ND[index_M], mean_ND, std_ND, own_M=index_M, blocks=7)
    expected = torch.stack([pairs_MND[:, block::7].logsumexp(1) for block in range(7)], 1)
    finite = expected > -1e4
    assert (found - expected)[finite].abs().max() < 1e-3


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(1, 5), st.floats(0.01, 3.0), st.integers(0, 10_000))
def test_own_component_bounds_the_density_from_below(n, d, std, seed):
    """log q_N(z_i) >= log q(z_i|x_i) - log N, which makes I_self <= log N for any posteriors."""
    z_ND, mean_ND, std_ND = posteriors(n, d, std, seed)
    own_N = gaussian.log_density(z_ND.double(), mean_ND.double(), std_ND.double()).sum(-1)
    assert (aggregate_density.log_aggregate(z_ND, mean_ND, std_ND) >= own_N - math.log(n) - 1e-4).all()


def test_no_array_of_pairs_is_held():
    z_MD, mean_ND, std_ND = posteriors(4000, 8, 0.3)
    events = torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU])
    with events:
        aggregate_density.log_aggregate(z_MD, mean_ND, std_ND)
    largest = max(event.cpu_memory_usage for event in events.events())
    assert largest < 4000 * 4000 * 4 / 2
