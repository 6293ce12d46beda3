"""A Gaussian optimised for each text, on linear-Gaussian VAEs, where the best one is the posterior."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vaescope import assess
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.experiments import Experiments
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.model.priors.standard import Standard
from vaescope.sweep.inference_experiments import optimise_posteriors
from vaescope.testing.example_evidence import draws_of


class Scorer(nn.Module):
    """What the optimisation needs of a model: log p(x|z) of data points by their index, and p(z)."""

    def __init__(self, vae: LinearGaussian, x_Nn) -> None:
        super().__init__()
        self.vae, self.x_Nn, self.prior = vae, x_Nn, Standard(vae.latent_size)
        self.anchor = nn.Parameter(torch.zeros(()))

    def log_likelihood(self, batch, z):
        return self.vae.log_conditional(self.x_Nn[batch.index], z.double())


class Points:
    """Batches that are only an index."""

    def batch(self, index_P):
        batch = SimpleNamespace(index=index_P)
        batch.to = lambda device: batch
        return batch


def split(vae: LinearGaussian, texts: int = 40):
    x_Nn = vae.sample_data(200, seed=3)
    draws = draws_of(vae, x_Nn, samples=64, seed=0)
    found = optimise_posteriors(Scorer(vae, x_Nn), Points(), draws, texts=texts, seed=0)
    known = Evidence(draws, experiments=Experiments(inference=found))
    parts = assess(known, diagnostics=["inference_gap"]).estimates
    return parts["inference_gap_amortisation"], parts["inference_gap_approximation"]


@pytest.mark.parametrize(("size", "rate"), [(3, 3.0), (16, 0.002)])
def test_the_right_encoder_cannot_be_bettered(size, rate):
    """Also for collapsed codes, where the optimiser only moves at random."""
    own, family = split(LinearGaussian.matched(latent_size=size, data_size=size + 2, rate=rate))
    assert own.value == pytest.approx(0, abs=0.01)
    assert family.value == pytest.approx(0, abs=0.01)


def test_the_loss_of_a_wrong_encoder_is_amortisation():
    vae = LinearGaussian.matched(latent_size=3, data_size=5, rate=3.0)
    wrong = replace(vae, encoder_bias=vae.encoder_bias + 0.3, encoder_std=1.2 * vae.encoder_std)
    own, family = split(wrong)
    assert own.value == pytest.approx(wrong.inference_gap, rel=0.1)
    assert family.value == pytest.approx(0, abs=0.05)
