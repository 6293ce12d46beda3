"""Dropout by 16 random bits is dropout."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.model.families import DECODERS, model_of
from torch import nn

from vaescope.model.kernels.dropout import OUTCOMES, Dropout, dropout, replace_dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("probability", [0.01, 0.1, 0.5, 0.9])
def test_the_share_dropped_and_the_scale(probability, dtype):
    torch.manual_seed(0)
    n = 100_001
    values = dropout(torch.ones(n, dtype=dtype), probability)
    kept = values[values > 0]
    error = math.sqrt(n * probability * (1 - probability))
    assert abs(len(kept) - n * (1 - probability)) < 4 * error
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - probability)), atol=0, rtol=0.005)
    assert values.dtype == dtype


def test_elements_are_dropped_independently():
    torch.manual_seed(0)
    dropped = dropout(torch.ones(40_000, 4), 0.3) == 0
    pairs = torch.cov(dropped.T.double())
    torch.testing.assert_close(pairs, 0.21 * torch.eye(4, dtype=torch.float64), atol=4 * 0.21 / 200, rtol=0)


@given(probability=st.floats(0, 1), size=st.integers(0, 9))
def test_the_mean_over_all_outcomes_is_the_value(probability, size):
    """The scale is that of the probability with which an element is kept, to the last of its 65536 outcomes."""
    dropped = round(OUTCOMES * probability)
    values = dropout(torch.ones(size, dtype=torch.float64), probability)
    assert values.shape == (size,)
    if dropped < OUTCOMES:
        scale = OUTCOMES / (OUTCOMES - dropped)
        assert all(v in (0, pytest.approx(scale)) for v in values.tolist())
        assert scale * (OUTCOMES - dropped) / OUTCOMES == pytest.approx(1)
    else:
        assert not values.any()


def test_the_gradient_passes_where_the_value_did():
    torch.manual_seed(0)
    values = torch.randn(3, 5, 7, requires_grad=True)
    out = dropout(values, 0.4)
    out.sum().backward()
    torch.testing.assert_close(values.grad * values.detach(), out.detach())
    assert 0 < (values.grad == 0).sum() < values.numel()


def test_a_seed_gives_a_mask():
    masks = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        masks.append(dropout(torch.ones(64), 0.5))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_nothing_is_dropped_in_evaluation_or_at_zero():
    values = torch.randn(8)
    assert Dropout(0.5).eval()(values) is values
    assert dropout(values, 0.0) is values
    assert not Dropout(1.0)(values).any()


@pytest.mark.parametrize("family", DECODERS)
def test_a_decoder_has_no_other_dropout(family):
    model, _ = model_of(decoder=family)
    assert all(type(module) is not nn.Dropout for module in model.decoder.modules())


def test_only_plain_dropout_is_replaced():
    network = nn.Sequential(nn.Dropout(0.2), nn.Dropout1d(0.3), nn.Sequential(nn.Dropout(0.4)))
    replace_dropout(network)
    assert [type(network[0]), type(network[1]), type(network[2][0])] == [Dropout, nn.Dropout1d, Dropout]
    assert (network[0].p, network[2][0].p) == (0.2, 0.4)
