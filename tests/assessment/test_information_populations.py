"""The reported intervals where other estimates fail: finite populations, and the counterexample to collisions."""

from __future__ import annotations

import math

import pytest
import torch
from tests.populations import Population, finite, hidden_half, shapes

from vaescope.assessment.diagnostics.marginal_kl import marginal_kl
from vaescope.assessment.diagnostics.mutual_information import mutual_information
from vaescope.estimators import aggregate_density, gaussian
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.references import References

N = 120


def evidence_of(population: Population, seed: int, *, texts: int = N) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    assessed, training, further = (population.draw(k * texts, generator) for k in (1, 4, 4))
    references = References(training=training.encodings, components=further.encodings)
    return Evidence(population.draws(assessed, generator), references=references)


@pytest.mark.parametrize("power", [1, 1.5, 2, 3])
@pytest.mark.parametrize("known", [False, True])
def test_intervals_cover_the_log_of_the_number_of_separate_texts(power, known):
    """K = N, N^1.5, N^2, N^3 texts: N of them cannot tell the last ones from more, so the upper end must not either."""
    for seed in range(3):
        evidence = evidence_of(finite("K", power * math.log(N), known=known), seed)
        information, truth = mutual_information(evidence), power * math.log(N)
        marginal, rate = marginal_kl(evidence), evidence.draws.rates.mean().item()
        assert information.low - 1e-6 <= truth <= information.high + 1e-6
        # the codes are far from each other, so the marginal KL of the population is R - log K up to the error of R
        error = evidence.draws.rates.std().item() / math.sqrt(N)
        assert marginal.low - 3 * error <= rate - truth <= marginal.high + 3 * error


def test_collisions_would_miss_where_the_reported_interval_covers():
    """Half of the texts have codes of their own among 10^8: pairs see the 60 shared codes alone."""
    population = hidden_half()
    information, marginal = population.truth
    evidence = evidence_of(population, 1, texts=1_500)
    found, mismatch = mutual_information(evidence), marginal_kl(evidence)
    assert found.low <= information <= found.high
    assert mismatch.low <= marginal <= mismatch.high
    draws, training = evidence.draws, evidence.references.training
    z_ND, count = draws.z[0], draws.texts
    log_t_N = aggregate_density.log_aggregate(z_ND, training.mean, training.std)
    log_g_N = torch.logaddexp(log_t_N, gaussian.standard_log_density(z_ND).sum(1)) - math.log(2)
    own_N = gaussian.log_density(z_ND, draws.posterior_mean, draws.posterior_std).sum(1)
    others_N = aggregate_density.log_block_sums(
        z_ND, draws.posterior_mean, draws.posterior_std, own_M=torch.arange(count)
    ).squeeze(1)
    pairs = (others_N - log_g_N).logsumexp(0).item() - math.log(count * (count - 1))
    assert (own_N - log_g_N).mean().item() - pairs > information + 1


@pytest.mark.parametrize("population", shapes(), ids=lambda p: p.name)
def test_intervals_cover_on_every_shape(population):
    evidence = evidence_of(population, 0)
    for estimate, truth in zip((mutual_information(evidence), marginal_kl(evidence)), population.truth, strict=True):
        assert estimate.low - 0.02 <= truth <= estimate.high + 0.02
