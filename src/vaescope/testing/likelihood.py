"""LikelihoodContract: what p(x|z) of every model must satisfy, whatever its injection and decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vaescope.corpora.batch import Batch
from vaescope.model.backbone import enable_checkpointing
from vaescope.model.vae import TransformerVAE
from vaescope.testing.example_models import DECODERS, model_of, padded, text, without_dropout

Injection = str | dict[str, Any]
SIZE = 4


def z_of(*shape: int) -> Tensor:
    """Return the same standard normal z at every call, ``[*shape, 4]``."""
    return torch.randn(*shape, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("decoder", DECODERS)
class LikelihoodContract:
    """p(x|z) is normalised, causal, a function of x and z alone, differentiable, and the same in all its uses.

    Parametrize ``name``: an injection, or several as a configuration composes them.
    """

    def test_sums_to_one_over_all_continuations(self, name: Injection, decoder: str) -> None:
        """The probabilities of all pairs of tokens sum to 1."""
        model, _ = model_of(name, decoder)
        vocabulary = model.decoder.config.vocab_size
        pairs = torch.cartesian_prod(torch.tensor([0]), torch.arange(vocabulary), torch.arange(vocabulary))
        batch = Batch(pairs, torch.ones_like(pairs), torch.arange(len(pairs)))
        with torch.no_grad():
            total = model.log_likelihood(batch, z_of(1).expand(len(pairs), -1)).double().logsumexp(0)
        assert abs(total.item()) < 1e-5

    def test_is_unchanged_by_padding_and_by_other_texts(self, name: Injection, decoder: str) -> None:
        """A text has the same likelihood and posterior alone, in a batch, and with more padding."""
        model, batch = model_of(name, decoder)
        z = z_of(2)
        with torch.no_grad():
            together, alone = model.log_likelihood(batch, z), model.log_likelihood(text(0, 8, 2), z[1:])
            longer = model.log_likelihood(padded(batch, 3), z)
            q, q_longer, q_alone = model.encode(batch), model.encode(padded(batch, 3)), model.encode(text(0, 8, 2))
        assert_close(together[1:], alone, atol=1e-5, rtol=0)
        assert_close(together, longer, atol=1e-5, rtol=0)
        assert_close(q.mean, q_longer.mean, atol=1e-5, rtol=0)
        assert_close(q.stddev[1:], q_alone.stddev, atol=1e-5, rtol=0)

    def test_a_token_changes_nothing_before_it(self, name: Injection, decoder: str) -> None:
        """The decoder is causal, also with hooks inside its layers."""
        model, _ = model_of(name, decoder)
        first, second = text(0, 5, 6, 7, 8), text(0, 5, 6, 9, 8)
        with torch.no_grad():
            a, b = (model(x.input_ids, latents=z_of(1)).logits for x in (first, second))
        assert_close(a[:, :3], b[:, :3], atol=1e-6, rtol=0)
        assert (a[:, 3:] - b[:, 3:]).abs().amax(-1).min() > 1e-6

    def test_z_moves_every_position_and_gets_a_gradient_from_each(self, name: Injection, decoder: str) -> None:
        """No token is predicted without z."""
        model, _ = model_of(name, decoder)
        if model.config.is_language_model:
            pytest.skip("no latent")
        ids = text(0, 5, 6, 7, 8).input_ids
        z = z_of(1).requires_grad_()
        logits = model(ids, latents=z).logits
        with torch.no_grad():
            moved = (model(ids, latents=z + 1).logits - logits).abs().amax((0, 2))
        assert (moved > 1e-6).all()
        for position in range(ids.shape[1]):
            (gradient,) = torch.autograd.grad(logits[0, position].square().sum(), z, retain_graph=True)
            assert gradient.abs().max() > 0

    def test_every_parameter_gets_a_gradient(self, name: Injection, decoder: str) -> None:
        """No parameter is left out of the ELBO."""
        model, batch = model_of(name, decoder)
        model.train()
        q = model.encode(batch)
        rate = model.prior.rate(q)
        assert rate is not None
        (rate.sum() - model.log_likelihood(batch, q.rsample()).mean()).backward()
        missing = [key for key, p in model.named_parameters() if p.requires_grad and p.grad is None]
        assert missing == []

    def test_gradient_checkpointing_changes_nothing(self, name: Injection, decoder: str) -> None:
        """A layer that is computed a second time in the backward pass reads the same z."""
        model, batch = model_of(name, decoder)
        without_dropout(model).train()
        z = z_of(2).requires_grad_()
        found = []
        for recompute in (False, True):
            model.zero_grad()
            z.grad = None
            if recompute:
                enable_checkpointing(model.decoder)
            model.log_likelihood(batch, z).sum().backward()
            found.append([torch.zeros(2, SIZE) if z.grad is None else z.grad.clone()])
            found[-1] += [p.grad.clone() for p in model.injections.parameters() if p.grad is not None]
        for before, after in zip(*found, strict=True):
            assert_close(before, after, atol=1e-5, rtol=1e-4)

    def test_cached_sampling_equals_uncached_scoring(self, name: Injection, decoder: str) -> None:
        """The log-probability of a sampled text is that of scoring it."""
        model, _ = model_of(name, decoder)
        torch.manual_seed(0)
        z = z_of(32)
        drawn = model.sample(z)
        batch = Batch(drawn.input_ids, drawn.attention_mask, torch.arange(32))
        with torch.no_grad():
            scored = model.log_likelihood(batch, z)
        assert drawn.finished.any()
        assert_close(drawn.log_prob, scored, atol=1e-4, rtol=0)

    def test_greedy_generate_of_transformers_equals_greedy_sampling(self, name: Injection, decoder: str) -> None:
        """``generate`` of transformers reads z too."""
        model, _ = model_of(name, decoder)
        start = torch.zeros(4, 1, dtype=torch.long)
        ours = model.sample(z_of(4), temperature=0, max_length=8).input_ids
        options: dict[str, Any] = {"latents": z_of(4), "do_sample": False, "max_new_tokens": ours.shape[1] - 1}
        theirs: Any = model.generate(start, attention_mask=torch.ones_like(start), **options)
        assert theirs.tolist() == ours.tolist()

    def test_beam_search_finds_texts_at_least_as_probable(self, name: Injection, decoder: str) -> None:
        """Beams keep their z when they are reordered."""
        model, _ = model_of(name, decoder)
        z, start = z_of(3), torch.zeros(3, 1, dtype=torch.long)
        options = {"latents": z, "do_sample": False, "max_new_tokens": 3, "min_new_tokens": 3, "eos_token_id": None}
        scores = []
        for beams in (1, 4):
            ids: Any = model.generate(start, attention_mask=torch.ones_like(start), num_beams=beams, **options)
            with torch.no_grad():
                scores.append(model.log_likelihood(Batch(ids, torch.ones_like(ids), torch.arange(3)), z))
        assert (scores[1] >= scores[0] - 1e-5).all()

    def test_save_and_load_is_bit_exact(self, name: Injection, decoder: str, tmp_path: Path) -> None:
        """A loaded model has the same parameters and densities."""
        model, batch = model_of(name, decoder)
        model.save_pretrained(tmp_path)
        loaded: Any = TransformerVAE.from_pretrained(tmp_path, output_loading_info=True)
        again, info = loaded
        assert not info["missing_keys"]
        assert not info["unexpected_keys"]
        state, state_again = model.state_dict(), again.state_dict()
        assert state.keys() == state_again.keys()
        assert all(torch.equal(state[key], state_again[key]) for key in state)
        with torch.no_grad():
            assert torch.equal(model.log_likelihood(batch, z_of(2)), again.log_likelihood(batch, z_of(2)))
