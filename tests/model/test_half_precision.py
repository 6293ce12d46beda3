"""A model loaded in half precision: every use works, and log-densities stay in float32."""

import pytest
import torch

from vaescope import choices
from vaescope.model import TransformerVAE

from .families import DECODERS, INJECTIONS, model_of

HALF = [torch.bfloat16, torch.float16]


def loaded(model, folder, dtype):
    model.save_pretrained(folder)
    return TransformerVAE.from_pretrained(folder, dtype=dtype).eval()


def check_uses(half, batch, exact):
    with torch.no_grad():
        q = half.encode(batch)
        z = q.mean
        log_p = half.log_likelihood(batch, z)
        p = half.prior()
        assert p.log_prob(p.sample((3,))).dtype == q.log_prob(z).dtype == log_p.dtype == torch.float32
        drawn = half.sample(p.sample((2,)))
        assert drawn.log_prob.dtype == torch.float32
        assert drawn.log_prob.isfinite().all()
        torch.testing.assert_close(log_p, exact.log_likelihood(batch, z), atol=0.3, rtol=0.02)
        torch.testing.assert_close(z, exact.encode(batch).mean, atol=0.05, rtol=0.05)
    assert half.generate(batch.input_ids[:, :1], latents=p.sample((2,)), max_length=6).shape[0] == 2


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("injection", INJECTIONS)
def test_every_injection(injection, dtype, tmp_path):
    exact, batch = model_of(injection)
    check_uses(loaded(exact, tmp_path, dtype), batch, exact)


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder(decoder, tmp_path):
    exact, batch = model_of("everything", decoder)
    check_uses(loaded(exact, tmp_path, torch.bfloat16), batch, exact)


@pytest.mark.parametrize("prior", list(choices.names("priors")))
def test_every_prior(prior, tmp_path):
    exact, batch = model_of(prior=prior)
    check_uses(loaded(exact, tmp_path, torch.bfloat16), batch, exact)
