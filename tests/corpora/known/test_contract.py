"""The contract of every built-in corpus: its exact numbers agree with each other and with its samples."""

import math

import pytest
import torch

from vaescope import choices
from vaescope.corpora.known._known import KnownCorpus


@pytest.fixture(params=choices.names("corpora"))
def corpus(request) -> KnownCorpus:
    return choices.build("corpora", request.param)


def within(samples: torch.Tensor, truth: float) -> bool:
    return abs(float(samples.mean()) - truth) < 4 * float(samples.std()) / math.sqrt(len(samples))


def test_a_seed_decides_the_texts(corpus):
    assert corpus.sample(50, seed=1) == corpus.sample(50, seed=1)
    assert corpus.sample(50, seed=1) != corpus.sample(50, seed=2)
    assert corpus.sample(0, seed=1) == []


def test_texts_are_single_spaced_words(corpus):
    assert all(text == " ".join(text.split()) and text for text in corpus.sample(200, seed=0))


def test_entropy_is_the_mean_of_minus_log_p(corpus):
    log_p = corpus.log_prob(corpus.sample(8_000, seed=3))
    assert log_p.dtype == torch.float64
    assert within(-log_p, corpus.entropy())


def test_information_is_the_mean_divergence_of_the_posterior_from_the_prior(corpus):
    posterior = corpus.posterior(corpus.sample(8_000, seed=4))
    torch.testing.assert_close(posterior.sum(1), torch.ones(8_000, dtype=torch.float64))
    entropy_given_text = -torch.xlogy(posterior, posterior).sum(1)
    prior = posterior.mean(0)
    entropy = -float(torch.xlogy(prior, prior).sum())
    # The prior is estimated from the same texts; its error is of second order.
    assert within(entropy - entropy_given_text, corpus.mutual_information())


def test_length_is_the_mean_number_of_words(corpus):
    lengths = torch.tensor([len(text.split()) for text in corpus.sample(8_000, seed=5)], dtype=torch.float64)
    assert within(lengths, corpus.expected_length())


def test_the_chain_rule_holds(corpus):
    assert 0 <= corpus.mutual_information() <= corpus.entropy()
    total = corpus.conditional_entropy() + corpus.mutual_information()
    assert corpus.entropy() == pytest.approx(total, abs=1e-12)


def test_what_is_not_a_text_of_the_language_has_probability_zero(corpus):
    texts = ["", "zzz", corpus.sample(1, seed=0)[0] + " zzz"]
    assert corpus.log_prob(texts).tolist() == [-math.inf] * 3
    assert corpus.posterior(texts).isnan().all()
