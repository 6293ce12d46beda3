"""The contract of the model, over every injection and decoder family."""

import math

import pytest
import torch
from torch.distributions import Independent

from vaescope.errors import UserError
from vaescope.model.build import tiny_model
from vaescope.model.vae_config import POOLINGS
from vaescope.testing.example_models import padded, text
from vaescope.testing.injections import DecoderContract

from .families import COMPOSED, INJECTIONS


def z_of(model, *shape):
    return torch.randn(*shape, model.config.latent_size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", [COMPOSED.get(name, name) for name in INJECTIONS], ids=INJECTIONS)
class TestLikelihood(DecoderContract):
    """The contract, over every injection, alone and composed, and every family of decoders."""


@pytest.mark.parametrize("pooling", POOLINGS)
def test_no_pooling_reads_padding(pooling):
    model, batch = tiny_model(pooling=pooling)
    with torch.no_grad():
        short, long = model.encode(batch), model.encode(padded(batch, 4))
    torch.testing.assert_close(short.mean, long.mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(short.stddev, long.stddev, atol=1e-5, rtol=0)


def test_samples_are_scored_together_as_one_by_one():
    model, batch = tiny_model()
    z = z_of(model, 3, 2)
    with torch.no_grad():
        together = model.log_likelihood(batch, z)
        singly = torch.stack([model.log_likelihood(batch, z_) for z_ in z])
    assert together.shape == (3, 2)
    torch.testing.assert_close(together, singly, atol=1e-5, rtol=0)


@pytest.mark.parametrize("limit", ["LOGITS_AT_ONCE", "LOGITS_IN_CACHE"])
def test_logits_in_parts_give_the_same_values_and_gradients(monkeypatch, limit):
    model, batch = tiny_model()
    z = z_of(model, 2)
    whole = model.log_likelihood(batch, z)
    whole.sum().backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    monkeypatch.setattr(f"vaescope.model.kernels.vocabulary.{limit}", 24)
    parts = model.log_likelihood(batch, z)
    parts.sum().backward()
    torch.testing.assert_close(whole, parts, atol=1e-6, rtol=0)
    for before, p in zip(gradients, (p for p in model.parameters() if p.grad is not None), strict=True):
        torch.testing.assert_close(before, p.grad, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("limit", ["LOGITS_OF_PRODUCT", "LOGITS_IN_CACHE"])
@pytest.mark.parametrize("logits", [1, 24, 10_000])
def test_scoring_in_parts_that_fit_a_cache_gives_the_same_values(monkeypatch, limit, logits):
    model, batch = tiny_model()
    z = z_of(model, 2)
    whole = model.log_likelihood(batch, z).detach()
    monkeypatch.setattr(f"vaescope.model.kernels.vocabulary.{limit}", logits)
    with torch.no_grad():
        torch.testing.assert_close(model.log_likelihood(batch, z), whole, atol=1e-5, rtol=0)


def test_tied_sides_share_parameters_but_only_the_decoder_is_causal():
    model, _ = tiny_model(tie_encoder_decoder=True)
    untied, _ = tiny_model(tie_encoder_decoder=False)
    assert sum(p.numel() for p in model.parameters()) < 0.7 * sum(p.numel() for p in untied.parameters())
    shared = model.encoder.encoder.layer[0].attention.self.query.weight
    assert shared is model.decoder.roberta.encoder.layer[0].attention.self.query.weight
    changed = text(0, 5, 6, 7, 9)
    with torch.no_grad():
        states = [model.encoder(input_ids=x.input_ids).last_hidden_state for x in (text(0, 5, 6, 7, 2), changed)]
    assert (states[0][:, 0] - states[1][:, 0]).abs().max() > 1e-4


def test_the_posterior_is_a_distribution_with_the_closed_form_rate():
    model, batch = tiny_model()
    q = model.encode(batch)
    assert isinstance(q, Independent)
    assert (q.batch_shape, q.event_shape) == ((2,), (4,))
    p = Independent(torch.distributions.Normal(torch.zeros(2, 4), 1.0), 1)
    torch.testing.assert_close(model.prior.rate(q).sum(-1), torch.distributions.kl_divergence(q, p))
    torch.testing.assert_close(torch.distributions.kl_divergence(q, model.prior()), model.prior.rate(q).sum(-1))


def test_a_z_of_the_wrong_size_is_refused():
    model, batch = tiny_model()
    with pytest.raises(UserError, match=r"z has shape \[2, 5\], but this model needs \[B, 4\]"):
        model.log_likelihood(batch, torch.zeros(2, 5))
    with pytest.raises(UserError, match=r"z has shape \[3, 4\], but this batch and model need \[S, 2, 4\]"):
        model.log_likelihood(batch, torch.zeros(3, 4))
    with pytest.raises(UserError, match="temperature"):
        model.sample(torch.zeros(2, 4), temperature=-1)


def test_sampling_frequencies_are_the_models_probabilities():
    model, _ = tiny_model()
    torch.manual_seed(0)
    n = 4000
    z = z_of(model, 1).expand(n, -1)
    first = model.sample(z, max_length=2).input_ids[:, 1]
    with torch.no_grad():
        p = model(torch.zeros(1, 1, dtype=torch.long), latents=z[:1]).logits[0, 0].softmax(-1)
    frequency = torch.bincount(first, minlength=12) / n
    assert ((frequency - p).abs() < 5 * (p * (1 - p) / n).sqrt() + 1e-9).all()


def test_bfloat16_autocast_keeps_densities_in_float32():
    model, batch = tiny_model()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        q = model.encode(batch)
        log_p = model.log_likelihood(batch, q.rsample())
    assert q.mean.dtype == q.stddev.dtype == log_p.dtype == torch.float32
    with torch.no_grad():
        exact = model.encode(batch)
    assert (q.mean - exact.mean).abs().max() < 0.05
    assert math.isfinite(log_p.sum().item())


def test_log_p_is_at_least_float32():
    model, batch = tiny_model()
    z = z_of(model, 2)
    single = model.log_likelihood(batch, z)
    double = model.double().log_likelihood(batch, z.double())
    half = model.bfloat16().log_likelihood(batch, z.bfloat16())
    assert [single.dtype, double.dtype, half.dtype] == [torch.float32, torch.float64, torch.float32]
    torch.testing.assert_close(double.float(), single, atol=1e-5, rtol=0)
    torch.testing.assert_close(half, single, atol=0.3, rtol=0)
