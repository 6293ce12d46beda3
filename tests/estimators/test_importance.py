from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from arviz_stats.base import array_stats
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.estimators import importance


def log_weights(samples: int, texts: int, spread: float = 4.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(samples, texts, generator=generator).double() * torch.linspace(0.1, spread, texts).double()


@pytest.mark.parametrize("samples", [64, 256, 1000])
def test_tail_index_is_that_of_the_library(samples):
    log_w_SN = log_weights(samples, 60)
    # the library takes the negative of the log weights
    _, expected = array_stats.psislw(-log_w_SN.numpy(), axis=0)
    np.testing.assert_allclose(importance.tail_index(log_w_SN).numpy(), expected, atol=1e-5)


def test_tail_index_recovers_that_of_gaussian_weights():
    """For q = N(0, s^2) and p = N(0, 1) the weights have k = 1 - s^2."""
    generator = torch.Generator().manual_seed(0)
    s = math.sqrt(0.4)
    z_SN = s * torch.randn(50_000, 40, generator=generator).double()
    log_w_SN = -0.5 * z_SN.square() + 0.5 * (z_SN / s).square()
    assert abs(importance.tail_index(log_w_SN).mean().item() - 0.6) < 0.05


def test_tail_index_of_many_texts_is_that_of_each():
    log_w_SN = log_weights(64, 1500)
    torch.testing.assert_close(
        importance.tail_index(log_w_SN)[[3, 1400]], importance.tail_index(log_w_SN[:, [3, 1400]])
    )


def test_tail_index_without_enough_distinct_weights():
    assert (importance.tail_index(torch.zeros(64, 3)) == importance.CONSTANT_WEIGHTS).all()
    assert importance.tail_index(torch.randn(8, 3)).isinf().all()
    heavy = torch.full((64, 1), -1e4).index_fill(0, torch.tensor([5]), 0.0)
    assert importance.tail_index(heavy).isfinite().all()


def test_effective_sample_size_of_extremes():
    one = torch.full((10, 1), -1e3).index_fill(0, torch.tensor([2]), 0.0)
    assert importance.effective_sample_size(one).item() == pytest.approx(1.0)
    assert importance.effective_sample_size(torch.zeros(10, 1)).item() == pytest.approx(10.0)


def test_doubling_gain_needs_two_samples():
    assert importance.doubling_gain(torch.zeros(1, 2)).isinf().all()
    assert (importance.doubling_gain(torch.zeros(4, 2)) == 0).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 40), st.floats(0, 20), st.integers(0, 1000))
def test_the_bound_is_between_mean_and_maximum_and_rises_by_doubling(samples, spread, seed):
    log_w_SN = spread * torch.randn(samples, 3, generator=torch.Generator().manual_seed(seed)).double()
    bound_N = importance.log_mean_exp(log_w_SN)
    assert (bound_N >= log_w_SN.mean(0) - 1e-9).all()
    assert (bound_N <= log_w_SN.amax(0) + 1e-9).all()
    assert (importance.doubling_gain(log_w_SN) >= -1e-9).all()
    size_N = importance.effective_sample_size(log_w_SN)
    assert ((size_N >= 1 - 1e-9) & (size_N <= samples + 1e-9)).all()
