"""Attention step by step is scaled dot-product attention."""

import pytest
import torch
import torch.nn.functional as F

from vaescope.model.attention import _attend, _Weights


def tensors(*sizes, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, size, 4, dtype=dtype, generator=generator).requires_grad_() for size in sizes]


def masks(kind, queries, keys):
    visible = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    if kind == "bool":
        return visible
    if kind == "of each text":
        return torch.tensor([[True] * keys, [True] * (keys - 2) + [False] * 2])[:, None, None]
    return torch.zeros(queries, keys, dtype=torch.float64).masked_fill(~visible, -1e4) if kind == "float" else None


@pytest.mark.parametrize("kind", [None, "bool", "of each text", "float"])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_values_and_gradients_are_those_of_torch(kind, scale):
    query, key, value = tensors(5, 6, 6)
    mask = masks(kind, 5, 6)
    found = _attend(query, key, value, attn_mask=mask, dropout_p=0.0, scale=scale)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(out.square().sum(), (query, key, value)) for out in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_the_gradient_of_the_weights_is_exact():
    query, key = tensors(3, 4)
    mask = masks("float", 3, 4)
    assert torch.autograd.gradcheck(lambda q, k: _Weights.apply(q, k, mask, 0.5), (query, key))


def test_in_bfloat16_hidden_keys_have_no_weight_and_the_others_sum_to_one():
    query, key = tensors(5, 7, dtype=torch.bfloat16)
    hidden = ~masks("bool", 5, 7)
    mask = torch.zeros(5, 7, dtype=torch.bfloat16).masked_fill(hidden, torch.finfo(torch.bfloat16).min)
    weights = _Weights.apply(query, key, mask, 0.5)
    assert weights.dtype == torch.bfloat16
    assert not weights[..., hidden].any()
    torch.testing.assert_close(weights.float().sum(-1), torch.ones(2, 3, 5), atol=0.01, rtol=0)
