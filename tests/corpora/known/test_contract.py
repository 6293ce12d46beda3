"""The contract of every built-in corpus: its exact numbers agree with each other and with its samples."""

import math

import pytest
import torch

from vaescope import choices
from vaescope.corpora.known._known import DiscreteCause, KnownCorpus

N = 4_000


@pytest.fixture(params=choices.names("corpora"), scope="module")
def corpus(request) -> KnownCorpus:
    return choices.build("corpora", request.param)


@pytest.fixture
def discrete(corpus) -> DiscreteCause:
    if not isinstance(corpus, DiscreteCause):
        pytest.skip("its cause is continuous")
    return corpus


def within(samples: torch.Tensor, truth: float) -> bool:
    return abs(float(samples.mean()) - truth) <= 4 * float(samples.std()) / math.sqrt(len(samples)) + 1e-9


def test_a_seed_decides_the_texts(corpus):
    assert corpus.sample(50, seed=1) == corpus.sample(50, seed=1)
    assert corpus.sample(50, seed=1) != corpus.sample(50, seed=2)
    assert corpus.sample(0, seed=1) == []


def test_texts_are_single_spaced_words_of_the_vocabulary(corpus):
    texts = corpus.sample(200, seed=0)
    assert all(text == " ".join(text.split()) and text for text in texts)
    assert {word for text in texts for word in text.split()} <= set(corpus.vocabulary)
    assert corpus.vocabulary == sorted(set(corpus.vocabulary))


def test_every_text_comes_with_its_cause(corpus):
    texts, cause = corpus.sample_with_cause(30, seed=7)
    assert texts == corpus.sample(30, seed=7)
    assert len(cause) == 30
    if isinstance(corpus, DiscreteCause):
        assert cause.dtype == torch.int64
        assert cause.shape == (30,)
        assert 0 <= int(cause.min()) <= int(cause.max()) < len(corpus.prior())
    else:
        assert cause.dtype == torch.float64
        assert cause.ndim == 2


def test_entropy_is_the_mean_of_minus_log_p(corpus):
    log_p = corpus.log_prob(corpus.sample(N, seed=3))
    assert log_p.dtype == torch.float64
    assert within(-log_p, corpus.entropy())


def test_information_is_the_mean_divergence_of_the_posterior_from_the_prior(corpus):
    information = corpus.information(corpus.sample(N, seed=4))
    assert information.dtype == torch.float64
    assert float(information.min()) >= -corpus.numerical_error
    assert within(information, corpus.mutual_information())


def test_length_is_the_mean_number_of_words(corpus):
    lengths = torch.tensor([len(text.split()) for text in corpus.sample(N, seed=5)], dtype=torch.float64)
    assert within(lengths, corpus.expected_length())


def test_the_chain_rule_holds(corpus):
    assert 0 <= corpus.mutual_information() <= corpus.entropy()
    total = corpus.conditional_entropy() + corpus.mutual_information()
    assert corpus.entropy() == pytest.approx(total, abs=1e-12)


def test_a_text_outside_the_language_has_probability_zero(corpus):
    texts = ["", "zzz", corpus.sample(1, seed=0)[0] + " zzz", *corpus.sample(1, seed=1)]
    assert corpus.log_prob(texts)[:3].tolist() == [-math.inf] * 3
    assert corpus.information(texts).isnan().tolist() == [True, True, True, False]
    if isinstance(corpus, DiscreteCause):
        assert corpus.posterior(texts)[:3].isnan().all()


def test_the_posterior_is_calibrated_for_the_sampled_causes(discrete):
    texts, cause = discrete.sample_with_cause(N, seed=6)
    posterior = discrete.posterior(texts)
    torch.testing.assert_close(posterior.sum(1), torch.ones(N, dtype=torch.float64))
    # E p(k|x) of the true cause equals E sum_k p(k|x)^2 where the posterior is that of the sampler.
    assert within(posterior.gather(1, cause[:, None])[:, 0] - (posterior**2).sum(1), 0.0)
    for k, p in enumerate(discrete.prior()):
        assert within(posterior[:, k], float(p))


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("template", "topics", 0),
        ("template", "slots", 9),
        ("template", "words", 20),  # in 6 slots: too many sentences to list
        ("template", "concentration", 0.0),
        ("topic_bigram", "topics", 1),
        ("topic_bigram", "shared", 1.5),
        ("topic_bigram", "stop", -0.1),
        ("topic_bigram", "longest", 0),
        ("pcfg", "nesting", 0.9),
        ("pcfg", "words", 0),
        ("polya", "alpha", 0.0),
        ("polya", "length", 0),
        ("polya", "words", 24),
        ("gauss_topic", "groups", 2),
        ("gauss_topic", "scale", 4.0),
        ("gauss_topic", "length", 26),  # with scale 2: a posterior too narrow for the grid
    ],
)
def test_options_out_of_range_are_refused_by_name(name, option, value):
    with pytest.raises(ValueError, match=rf"{name}: .*{option}"):
        choices.build("corpora", name, **{option: value})
