"""Skipping components changes a sum by no more than stated; if many components matter, none is skipped."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.estimators import aggregate_density, components_that_matter
from vaescope.estimators.components_that_matter import SKIPPED, log_sums_of_few
from vaescope.estimators.gaussian import log_density


@pytest.fixture(autouse=True)
def _small_tiles_and_always(monkeypatch):
    for name, value in {"_ROWS": 7, "_COLUMNS": 16, "_PAIRS": 20, "_WORTH": 1.0}.items():
        monkeypatch.setattr(components_that_matter, name, value)


def case(seed, n, m, d, std, *, offset=0.0):
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(n, d, generator=generator) * torch.rand(d, generator=generator) * 2 + offset
    stds = std * (0.2 + torch.rand(n, d, generator=generator))
    which = torch.randint(n, (m,), generator=generator)
    z = mean[which] + stds[which] * torch.randn(m, d, generator=generator)
    weight = torch.randint(1, 4, (n,), generator=generator)
    return z, mean, stds, weight.double().log(), which


def direct(z, mean, std, log_weight, own=None):
    pairs = log_density(z.double()[:, None], mean.double(), std.double()).sum(-1) + log_weight
    if own is not None:
        pairs[torch.arange(len(z)), own] = -torch.inf
    return pairs.logsumexp(1)


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**16), n=st.integers(1, 90), m=st.integers(1, 20), d=st.integers(1, 12),
    std=st.sampled_from([0.003, 0.05, 0.3, 2.0]), offset=st.sampled_from([0.0, 30.0]), leave_out=st.booleans(),
)  # fmt: skip
def test_it_equals_the_sum_over_all_within_the_stated_bound(seed, n, m, d, std, offset, leave_out):
    z, mean, stds, log_weight, which = case(seed, n, m, d, std, offset=offset)
    own = which if leave_out else None
    found, expected = log_sums_of_few(z, mean, stds, log_weight, own), direct(z, mean, stds, log_weight, own)
    assert found is not None
    error = expected - found
    rounding = 1e-12 * expected.abs().nan_to_num(0, 0, 0)
    assert (error[expected > -torch.inf] >= -(rounding + 1e-9)[expected > -torch.inf]).all()
    assert (error[expected > -torch.inf] <= (SKIPPED + rounding)[expected > -torch.inf] + 1e-9).all()
    assert (found[expected == -torch.inf] == -torch.inf).all()


def test_a_component_of_weight_zero_adds_nothing():
    z, mean, stds, log_weight, which = case(0, 60, 9, 3, 0.1)
    log_weight[which[0]] = -torch.inf
    torch.testing.assert_close(
        log_sums_of_few(z, mean, stds, log_weight, None), direct(z, mean, stds, log_weight), atol=SKIPPED, rtol=1e-12
    )


def test_narrow_codes_are_skipped_and_wide_ones_are_left_to_the_sum_over_all(monkeypatch):
    monkeypatch.setattr(components_that_matter, "_WORTH", 0.02)
    narrow, wide = case(1, 400, 50, 16, 0.02), case(1, 400, 50, 16, 3.0)
    found = log_sums_of_few(*narrow[:4], None)
    assert found is not None
    torch.testing.assert_close(found, direct(*narrow[:4]), atol=SKIPPED, rtol=1e-12)
    assert log_sums_of_few(*wide[:4], None) is None


@pytest.mark.parametrize("std", [0.02, 1.0])
@pytest.mark.parametrize("blocks", [1, 3])
def test_the_aggregate_posterior_uses_it_from_a_number_of_pairs_on(std, blocks, monkeypatch):
    z, mean, stds, log_weight, which = case(2, 300, 30, 8, std)
    options = {"own_M": which, "blocks": blocks, "weight_N": log_weight.exp()}
    expected = aggregate_density.log_block_sums(z, mean, stds, **options)
    monkeypatch.setattr(aggregate_density, "_MANY_PAIRS", 1)
    found = aggregate_density.log_block_sums(z, mean, stds, **options)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-7)


def test_components_are_read_in_parts(monkeypatch):
    z, mean, stds, _, which = case(3, 300, 30, 8, 0.5)
    expected = aggregate_density.log_block_sums(z, mean, stds, own_M=which)
    monkeypatch.setattr(aggregate_density, "_COMPONENTS", 64)
    torch.testing.assert_close(aggregate_density.log_block_sums(z, mean, stds, own_M=which), expected)


def test_bounds_that_rounding_makes_useless_are_not_used():
    z, mean, stds, log_weight, _ = case(4, 30, 5, 3, 1e-7, offset=1e3)
    assert log_sums_of_few(z, mean, stds, log_weight, None) is None
