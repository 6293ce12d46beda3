"""Proposals adapted to each text, on linear-Gaussian VAEs, where log p(x) is known, and on tiny models."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.assessment.tiny import random_texts
from tests.sweep.test_inference_experiments import Scorer

from vaescope.estimators.importance import effective_sample_size, log_mean_exp
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.model.build import tiny_model
from vaescope.sweep.proposals import adapt_proposals
from vaescope.sweep.sweep import sweep
from vaescope.testing.example_evidence import draws_of


class Split:
    """Texts that are points of data by their index."""

    def __init__(self, x_Nn):
        self.lengths = torch.full((len(x_Nn),), 2)

    def by_length(self, indices, budget):
        return [Index(torch.tensor(part)) for part in (indices[:7], indices[7:]) if part]


class Index:
    def __init__(self, index):
        self.index = index
        self.input_ids = index
        self.size = len(index)

    def to(self, device):
        return self


def of_encoder(vae, wrong, texts=30):
    x_Nn = vae.sample_data(60, seed=3)
    draws = replace(draws_of(wrong, x_Nn, samples=64, seed=0), metadata={"seed": 0, "precision": "fp32"})
    found = adapt_proposals(Scorer(vae, x_Nn), Split(x_Nn), draws, texts=texts)
    return draws.log_weights[:, :texts], found.log_weights_adapted, vae.log_prob(x_Nn[:texts])


def test_a_wrong_encoder_is_corrected():
    """The posterior is Gaussian, so its weights are nearly constant and the bound is log p(x)."""
    vae = LinearGaussian.matched(latent_size=3, data_size=5, rate=3.0)
    wrong = replace(vae, encoder_bias=vae.encoder_bias + 0.5, encoder_std=0.5 * vae.encoder_std)
    own, better, truth = of_encoder(vae, wrong)
    assert better.shape == (64, 30)
    assert (truth - log_mean_exp(own)).mean() > 0.2
    torch.testing.assert_close(log_mean_exp(better), truth, atol=0.2, rtol=0)
    assert (truth - log_mean_exp(better)).mean().abs() < 0.01
    assert effective_sample_size(better).mean() > 2 * effective_sample_size(own).mean()


@pytest.mark.parametrize(("size", "rate"), [(3, 3.0), (16, 0.002)])
def test_the_right_encoder_is_kept_about(size, rate):
    vae = LinearGaussian.matched(latent_size=size, data_size=size + 2, rate=rate)
    _, better, truth = of_encoder(vae, vae)
    torch.testing.assert_close(log_mean_exp(better).mean(), truth.mean(), atol=0.01, rtol=0)


def test_the_grouping_of_the_texts_changes_nothing_and_modes_are_restored():
    model, _ = tiny_model()
    model.train()
    texts = random_texts(20)
    draws = sweep(model, texts, samples=8)
    parts = [adapt_proposals(model, texts, draws, texts=9, group_tokens=g).log_weights_adapted for g in (64, 8_192)]
    torch.testing.assert_close(*parts, atol=1e-3, rtol=0)
    assert parts[0].shape == (8, 9)
    assert model.decoder.training
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(parts[1], adapt_proposals(model, texts, draws, texts=9).log_weights_adapted)
