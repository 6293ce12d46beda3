import itertools
import math

import pytest
import torch
from scipy import stats

from vaescope.corpora.known.polya import Polya

from .enumeration import check_by_enumeration

TINY = [
    {"topics": 2, "length": 4, "words": 2},
    {"topics": 3, "length": 5, "words": 1, "alpha": 2.0},
    {"topics": 4, "length": 1, "words": 3, "alpha": 0.1},
]


@pytest.mark.parametrize("options", TINY)
def test_all_numbers_by_enumeration(options):
    corpus = Polya(**options)
    check_by_enumeration(
        corpus, [" ".join(words) for words in itertools.product(corpus.vocabulary, repeat=corpus.length)]
    )


@pytest.mark.parametrize(("length", "information"), [(1, 0.4929), (5, 1.3330), (20, 2.3727), (60, 3.3153)])
def test_information_of_three_topics_as_computed_elsewhere(length, information):
    assert Polya(topics=3, alpha=0.4, length=length).mutual_information() == pytest.approx(information, abs=5e-5)


def test_an_urn_by_hand():
    corpus = Polya(topics=2, alpha=1.0, length=2, words=1)
    a, b = (group[0] for group in corpus._lexicon.groups)
    # Uniform proportions: both words of topic a with 1/3, one of each in a given order with 1/6.
    assert corpus.log_prob([f"{a} {a}", f"{a} {b}"]).exp().tolist() == pytest.approx([1 / 3, 1 / 6])
    assert corpus.posterior_concentration([f"{a} {b}", f"{a} {a}"]).tolist() == [[2, 2], [3, 1]]
    assert corpus.posterior_concentration([a]).isnan().all()


def test_ranks_of_the_cause_in_its_posterior_are_uniform():
    texts, theta = Polya().sample_with_cause(3_000, seed=0)
    alpha = Polya().posterior_concentration(texts)
    rank = stats.beta.cdf(theta[:, 0], alpha[:, 0], alpha[:, 1:].sum(1))
    assert stats.kstest(rank, "uniform").pvalue > 1e-4


def test_information_grows_like_the_logarithm_of_the_length():
    near, far = (Polya(alpha=2.0, length=length).mutual_information() for length in (500, 1000))
    assert far - near == pytest.approx((3 - 1) / 2 * math.log(2), rel=0.02)


def test_longer_texts_give_more_information():
    information = [Polya(length=length).mutual_information() for length in (1, 2, 5, 10, 50)]
    assert information == sorted(information)
    assert torch.isfinite(torch.tensor(information)).all()
