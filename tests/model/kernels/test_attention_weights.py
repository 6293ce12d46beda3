"""Attention with its own gradient, and its plain form, are scaled dot-product attention."""

import pytest
import torch
import torch.nn.functional as F

from vaescope.model.kernels import plain
from vaescope.model.kernels.attention_weights import Scores, _Weights, attend, attention_weights


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
    scores = Scores(masks(kind, 5, 6), scale)
    found = attend(query, key, value, scores)
    with plain():
        slow = attend(query, key, value, scores)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=scores.mask, scale=scale)
    gradients = [torch.autograd.grad(out.square().sum(), (query, key, value)) for out in (found, slow, expected)]
    for values, of_inputs in ((found, gradients[0]), (slow, gradients[1])):
        torch.testing.assert_close(values, expected)
        torch.testing.assert_close(of_inputs, gradients[2])


def test_a_cap_bounds_the_scores_and_a_sink_takes_its_share():
    query, key = tensors(3, 4)
    s = query @ key.mT * 0.5
    sinks = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
    weights = attention_weights(query, key, Scores(masks("bool", 3, 4), 0.5, cap=0.3, sinks=sinks))
    exponentials = (0.3 * (s / 0.3).tanh()).exp() * masks("bool", 3, 4)
    torch.testing.assert_close(weights, exponentials / (exponentials.sum(-1, keepdim=True) + sinks.exp().view(3, 1, 1)))


@pytest.mark.parametrize("scores", [Scores(cap=0.3), Scores(sinks=torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64))])
def test_special_scores_are_attended_by(scores):
    query, key, value = tensors(3, 4, 4)
    torch.testing.assert_close(attend(query, key, value, scores), attention_weights(query, key, scores) @ value)
    assert not torch.allclose(attend(query, key, value, scores), attend(query, key, value, Scores()))


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
