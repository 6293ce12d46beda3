"""The contract of the model, over every injection and decoder family."""

import itertools
import math

import pytest
import torch
from torch.distributions import Independent

from vaescope.corpora.batch import Batch
from vaescope.errors import UserError
from vaescope.model import TransformerVAE
from vaescope.model.build import tiny_model

from .families import DECODERS, INJECTIONS, model_of

every = pytest.mark.parametrize(("injection", "decoder"), list(itertools.product(INJECTIONS, DECODERS)))


def z_of(model, *shape):
    return torch.randn(*shape, model.config.latent_size, generator=torch.Generator().manual_seed(1))


def text(*ids):
    ids = torch.tensor([ids])
    return Batch(ids, torch.ones_like(ids), torch.arange(1))


def padded(batch, extra):
    pad = torch.full((len(batch), extra), 1)
    return Batch(torch.cat([batch.input_ids, pad], 1), torch.cat([batch.attention_mask, pad * 0], 1), batch.index)


@every
def test_p_x_z_sums_to_one_over_all_continuations(injection, decoder):
    model, _ = model_of(injection, decoder)
    vocabulary = model.decoder.config.vocab_size
    pairs = torch.cartesian_prod(torch.tensor([0]), torch.arange(vocabulary), torch.arange(vocabulary))
    batch = Batch(pairs, torch.ones_like(pairs), torch.arange(len(pairs)))
    z = z_of(model, 1).expand(len(pairs), -1)
    with torch.no_grad():
        total = model.log_likelihood(batch, z).double().logsumexp(0)
    assert total.item() == pytest.approx(0, abs=1e-5)


@every
def test_unchanged_by_padding_and_by_the_rest_of_the_batch(injection, decoder):
    model, batch = model_of(injection, decoder)
    z = z_of(model, 2)
    with torch.no_grad():
        together, alone = model.log_likelihood(batch, z), model.log_likelihood(text(0, 8, 2), z[1:])
        longer = model.log_likelihood(padded(batch, 3), z)
        q, q_longer, q_alone = model.encode(batch), model.encode(padded(batch, 3)), model.encode(text(0, 8, 2))
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(together, longer, atol=1e-5, rtol=0)
    torch.testing.assert_close(q.mean, q_longer.mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(q.stddev[1:], q_alone.stddev, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pooling", ["first_last", "first", "mean"])
def test_no_pooling_reads_padding(pooling):
    model, batch = tiny_model(pooling=pooling)
    with torch.no_grad():
        short, long = model.encode(batch), model.encode(padded(batch, 4))
    torch.testing.assert_close(short.mean, long.mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(short.stddev, long.stddev, atol=1e-5, rtol=0)


@every
def test_a_token_changes_nothing_before_it(injection, decoder):
    model, _ = model_of(injection, decoder)
    first, second = text(0, 5, 6, 7, 8), text(0, 5, 6, 9, 8)
    z = z_of(model, 1)
    with torch.no_grad():
        a, b = (model(x.input_ids, latents=z).logits for x in (first, second))
    torch.testing.assert_close(a[:, :3], b[:, :3], atol=1e-6, rtol=0)
    assert (a[:, 3:] - b[:, 3:]).abs().amax(-1).min() > 1e-6


@every
def test_z_moves_every_position_and_gets_a_gradient_from_each(injection, decoder):
    model, _ = model_of(injection, decoder)
    if model.config.is_language_model:
        pytest.skip("no latent")
    ids = text(0, 5, 6, 7, 8).input_ids
    z = z_of(model, 1).requires_grad_()
    logits = model(ids, latents=z).logits
    with torch.no_grad():
        moved = (model(ids, latents=z + 1).logits - logits).abs().amax((0, 2))
    assert (moved > 1e-6).all()
    for position in range(ids.shape[1]):
        (gradient,) = torch.autograd.grad(logits[0, position].square().sum(), z, retain_graph=True)
        assert gradient.abs().max() > 0


@every
def test_every_parameter_gets_a_gradient(injection, decoder):
    model, batch = model_of(injection, decoder)
    model.train()
    q = model.encode(batch)
    z = q.rsample()
    loss = -model.log_likelihood(batch, z).mean() + model.prior.rate(q).sum()
    loss.backward()
    missing = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


@every
def test_cached_sampling_equals_uncached_scoring(injection, decoder):
    model, _ = model_of(injection, decoder)
    torch.manual_seed(0)
    z = z_of(model, 32)
    drawn = model.sample(z)
    batch = Batch(drawn.input_ids, drawn.attention_mask, torch.arange(32))
    with torch.no_grad():
        scored = model.log_likelihood(batch, z)
    assert drawn.finished.any()
    torch.testing.assert_close(drawn.log_prob, scored, atol=1e-4, rtol=0)


@every
def test_greedy_generate_of_transformers_equals_greedy_sampling(injection, decoder):
    model, _ = model_of(injection, decoder)
    z = z_of(model, 4)
    start = torch.zeros(4, 1, dtype=torch.long)
    ours = model.sample(z, temperature=0, max_length=8).input_ids
    theirs = model.generate(
        start, attention_mask=torch.ones_like(start), latents=z, do_sample=False, max_new_tokens=ours.shape[1] - 1
    )
    assert theirs.tolist() == ours.tolist()


@every
def test_beam_search_finds_texts_at_least_as_probable(injection, decoder):
    model, _ = model_of(injection, decoder)
    z = z_of(model, 3)
    start = torch.zeros(3, 1, dtype=torch.long)
    options = {"latents": z, "do_sample": False, "max_new_tokens": 3, "min_new_tokens": 3, "eos_token_id": None}
    scores = []
    for beams in (1, 4):
        ids = model.generate(start, attention_mask=torch.ones_like(start), num_beams=beams, **options)
        with torch.no_grad():
            scores.append(model.log_likelihood(Batch(ids, torch.ones_like(ids), torch.arange(3)), z))
    assert (scores[1] >= scores[0] - 1e-5).all()


@every
def test_save_and_load_is_bit_exact(injection, decoder, tmp_path):
    model, batch = model_of(injection, decoder)
    model.save_pretrained(tmp_path)
    again, info = TransformerVAE.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    state, state_again = model.state_dict(), again.state_dict()
    assert state.keys() == state_again.keys()
    assert all(torch.equal(state[name], state_again[name]) for name in state)
    z = z_of(model, 2)
    with torch.no_grad():
        assert torch.equal(model.log_likelihood(batch, z), again.log_likelihood(batch, z))


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
    with pytest.raises(UserError, match=r"z has shape \[2, 5\], but this batch and model need \[S, 2, 4\]"):
        model.log_likelihood(batch, torch.zeros(2, 5))
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


def test_gradient_checkpointing_changes_nothing():
    model, batch = tiny_model()
    z = z_of(model, 2)
    gradients = []
    for recompute in (False, True):
        model.zero_grad()
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.decoder.config.attention_probs_dropout_prob = 0.0
        if recompute:
            from vaescope.model.backbone import enable_checkpointing

            enable_checkpointing(model.encoder)
            enable_checkpointing(model.decoder)
        model.log_likelihood(batch, z).sum().backward()
        gradients.append(model.injections["memory"].projection.weight.grad.clone())
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-5)


def test_log_p_is_at_least_float32():
    model, batch = tiny_model()
    z = z_of(model, 2)
    single = model.log_likelihood(batch, z)
    double = model.double().log_likelihood(batch, z.double())
    half = model.bfloat16().log_likelihood(batch, z.bfloat16())
    assert [single.dtype, double.dtype, half.dtype] == [torch.float32, torch.float64, torch.float32]
    torch.testing.assert_close(double.float(), single, atol=1e-5, rtol=0)
    torch.testing.assert_close(half, single, atol=0.3, rtol=0)
