"""The matrix of the vocabulary: log p, its gradients, and one gradient of all uses."""

import copy

import pytest
import torch
from tests.model.families import DECODERS, model_of
from torch import nn

from vaescope.model.backbone import head_of
from vaescope.model.build import tiny_model
from vaescope.model.kernels import plain
from vaescope.model.kernels.shared_gradient import lookup, one_gradient
from vaescope.model.kernels.vocabulary import _linear_log_probs, _LogProb, _without, token_log_probs


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def by_logits(states, targets, weight, bias):
    logits = states @ weight.T if bias is None else states @ weight.T + bias
    return logits.log_softmax(-1)[torch.arange(len(targets)), targets]


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("cache", [1, 10, 10_000])
def test_the_gradient_of_log_p_is_exact(monkeypatch, biased, cache):
    """Its closed form, against finite differences in float64, in parts of any size."""
    monkeypatch.setattr("vaescope.model.kernels.vocabulary.LOGITS_IN_CACHE", cache)
    targets = torch.tensor([0, 4, 2, 4])
    states, weight = random(4, 3).requires_grad_(), random(5, 3, seed=1).requires_grad_()
    bias = random(5, seed=2).requires_grad_() if biased else None
    assert torch.autograd.gradcheck(lambda s, w, b: _LogProb.apply(s, targets, w, b), (states, weight, bias))


@pytest.mark.parametrize("far", [1.0, 30.0, 1e3])
def test_log_p_and_its_gradient_are_those_of_torch_however_improbable_the_target(far):
    """At 1e3 a target has p = 0 in float32, whose logarithm would be -inf."""
    targets, scale = torch.tensor([0, 4, 2]), torch.tensor([1.0, -2.0, 0.5])
    inputs = [far * random(3, 4, dtype=torch.float32), random(5, 4, seed=1, dtype=torch.float32)]
    inputs = [tensor.requires_grad_() for tensor in [*inputs, random(5, seed=2, dtype=torch.float32)]]
    expected = by_logits(inputs[0], targets, *inputs[1:])
    found = _LogProb.apply(inputs[0], targets, *inputs[1:])
    with torch.no_grad():
        torch.testing.assert_close(_linear_log_probs(inputs[0], targets, *inputs[1:]), expected)
    torch.testing.assert_close(found, expected)
    if far == 1e3:
        assert expected.min() < -110
    gradients = [torch.autograd.grad((scale * log_p).sum(), inputs) for log_p in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_scoring_without_a_gradient_gives_the_values_of_training():
    """Without a gradient another code path is used, although the matrix requires one."""
    model, batch = tiny_model()
    z = random(2, model.config.latent_size, dtype=torch.float32)
    trained = model.eval().log_likelihood(batch, z)
    with torch.no_grad():
        torch.testing.assert_close(model.log_likelihood(batch, z), trained, atol=1e-5, rtol=0)
    with torch.inference_mode():
        torch.testing.assert_close(model.log_likelihood(batch, z), trained, atol=1e-5, rtol=0)


def test_in_bfloat16_log_p_is_that_of_the_logits_with_the_bias_added_in_float32():
    states, weight = random(6, 8).bfloat16().requires_grad_(), random(50, 8, seed=1).bfloat16().requires_grad_()
    bias, targets = random(50, seed=2, dtype=torch.float32).requires_grad_(), torch.arange(6)
    found = _LogProb.apply(states, targets, weight, bias)
    assert found.dtype == torch.float32
    logits = (states @ weight.T).float() + bias
    torch.testing.assert_close(found, logits.log_softmax(-1)[torch.arange(6), targets], atol=1e-5, rtol=0)
    exact = by_logits(states.double(), targets, weight.double(), bias.double())
    for gradient, true in zip(
        torch.autograd.grad(found.sum(), (states, weight, bias)),
        torch.autograd.grad(exact.sum(), (states, weight, bias)),
        strict=True,
    ):
        assert gradient.dtype == true.dtype
        torch.testing.assert_close(gradient, true, atol=0.03 * true.abs().max().item(), rtol=0)


def second_derivative(of):
    """Of a function of every kernel: the derivative of the squared gradient, along one direction."""
    model, batch = tiny_model()
    last = model.get_output_embeddings()
    with one_gradient(last):
        value = {
            "log_p": lambda: model.log_likelihood(batch, model.encode(batch).mean).sum(),
            "posterior": lambda: model.encode(batch).mean.sum(),
            "lookup": lambda: lookup(model.get_input_embeddings(), batch.input_ids).square().sum(),
        }[of]()
    (gradient,) = torch.autograd.grad(value, last.weight, create_graph=True)
    return torch.autograd.grad(gradient.square().sum(), last.weight)[0]


@pytest.mark.parametrize("of", ["log_p", "posterior", "lookup"])
def test_a_second_derivative_is_refused_by_the_kernels_and_there_in_the_plain_forms(of):
    with pytest.raises(RuntimeError, match=r"inside vaescope.model.kernels.plain\(\)"):
        second_derivative(of)
    with plain():
        assert second_derivative(of).abs().max() > 0


def test_the_second_derivative_is_that_of_finite_differences():
    model, batch = tiny_model()
    model.double()
    z = random(2, model.config.latent_size).requires_grad_()
    with plain():
        assert torch.autograd.gradgradcheck(lambda z: model.log_likelihood(batch, z), (z,))


@pytest.mark.parametrize("decoder", DECODERS)
def test_log_p_is_that_of_the_decoders_own_logits(decoder):
    network = model_of(decoder=decoder)[0].decoder
    states, targets = random(7, network.config.hidden_size, dtype=torch.float32), torch.arange(7)
    expected = head_of(network)(states).log_softmax(-1)[torch.arange(7), targets]
    torch.testing.assert_close(token_log_probs(network, states, targets), expected, atol=1e-6, rtol=0)


def test_a_custom_last_layer_is_called_unchanged():
    class Scaled(nn.Linear):
        def forward(self, input):
            return 2 * super().forward(input)

    network = copy.deepcopy(model_of(decoder="gpt2")[0].decoder)
    network.lm_head = Scaled(*network.lm_head.weight.shape[::-1], bias=False)
    states, targets = random(7, network.config.hidden_size, dtype=torch.float32), torch.arange(7)
    expected = head_of(network)(states).log_softmax(-1)[torch.arange(7), targets]
    torch.testing.assert_close(token_log_probs(network, states, targets), expected, atol=1e-6, rtol=0)


def test_the_head_without_its_last_layer_leaves_the_head_as_it_was():
    head = model_of(decoder="bert")[0].decoder.cls
    last = head.predictions.decoder
    rest = _without(head, last)
    assert head.predictions.decoder is last
    kept = {name: p for name, p in head.named_parameters(remove_duplicate=False) if ".decoder." not in name}
    found = dict(rest.named_parameters(remove_duplicate=False))
    assert found.keys() == kept.keys()
    assert all(found[name] is kept[name] for name in kept)


def loss_of(model, batch, z):
    """A function of every use: q(z|x), and p(x|z) of two batches in turn."""
    q = model.encode(batch)
    log_p = model.log_likelihood(batch, z + q.mean)
    return (q.mean.square().sum() + log_p.sum() - 0.5 * model.log_likelihood(batch, z).sum()) / len(batch)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
@pytest.mark.parametrize("tie", [True, False])
def test_one_gradient_is_the_sum_of_the_gradients_of_all_uses(tie, dtype):
    model, batch = tiny_model(tie_encoder_decoder=tie)
    model.eval()
    z = random(2, model.config.latent_size, dtype=torch.float32)
    with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
        expected = gradients(model, loss_of(model, batch, z))
    with (
        torch.autocast("cpu", dtype=dtype, enabled=dtype is not None),
        one_gradient(model.get_output_embeddings()),
    ):
        loss = loss_of(model, batch, z)
    found = gradients(model, loss)
    assert found.keys() == expected.keys()
    rounding = 1e-5 if dtype is None else 0.02
    for name, gradient in found.items():
        atol = rounding * max(1.0, expected[name].abs().max().item())
        torch.testing.assert_close(gradient, expected[name], atol=atol, rtol=0, msg=lambda text, n=name: f"{n}: {text}")


def test_lookups_alone_have_the_gradient_of_an_embedding():
    """Where no head follows, as for an objective of the encoder alone; the row of padding has none."""
    embedding = nn.Embedding(6, 3, padding_idx=1)
    ids, scale = torch.tensor([[2, 1, 2], [5, 0, 1]]), random(2, 3, 3, dtype=torch.float32)
    (embedding(ids) * scale).sum().backward()
    expected = embedding.weight.grad.clone()
    embedding.weight.grad = None
    with one_gradient(embedding):
        first, second = lookup(embedding, ids[:1]), lookup(embedding, ids[1:])
    torch.testing.assert_close(torch.cat([first, second]), embedding(ids))
    (torch.cat([first, second]) * scale).sum().backward()
    torch.testing.assert_close(embedding.weight.grad, expected)


def test_a_gradient_of_something_else_passes_no_matrix():
    model, batch = tiny_model()
    z = random(2, model.config.latent_size, dtype=torch.float32).requires_grad_()
    expected = torch.autograd.grad(model.log_likelihood(batch, z).sum(), z)
    with one_gradient(model.get_output_embeddings()):
        log_p = model.log_likelihood(batch, z)
    torch.testing.assert_close(torch.autograd.grad(log_p.sum(), z, retain_graph=True), expected)
    torch.testing.assert_close(torch.autograd.grad(log_p.sum(), z), expected)


@pytest.mark.parametrize("of", ["the model", "another model"])
def test_a_frozen_matrix_and_one_of_another_model_are_used_as_they_are(of):
    model, batch = tiny_model()
    model.get_output_embeddings().weight.requires_grad_(False)
    chosen = model if of == "the model" else tiny_model()[0]
    with one_gradient(chosen.get_output_embeddings()):
        rows = lookup(model.get_input_embeddings(), batch.input_ids)
    assert not rows.requires_grad
    torch.testing.assert_close(rows, model.get_input_embeddings()(batch.input_ids))
