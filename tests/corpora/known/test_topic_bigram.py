import itertools
import math

import pytest
import torch

from vaescope.corpora.known.topic_bigram import TopicBigram

from .enumeration import check_by_enumeration

TINY = [
    {"topics": 3, "words": 1, "longest": 5},
    {"topics": 2, "words": 2, "longest": 4, "zipf": 2.0},
    {"topics": 3, "words": 1, "longest": 4, "shared": 0.0, "stop": 0.5},
    {"topics": 4, "words": 1, "longest": 1},
    {"topics": 2, "words": 1, "longest": 6, "shared": 1.0},
]


def language(corpus: TopicBigram) -> list[str]:
    lengths = range(1, len(corpus._p_L) + 1)
    return [" ".join(words) for m in lengths for words in itertools.product(corpus.vocabulary, repeat=m)]


@pytest.mark.parametrize("options", TINY)
def test_all_numbers_by_enumeration(options):
    corpus = TopicBigram(**options)
    check_by_enumeration(corpus, language(corpus))


def test_a_text_by_hand():
    corpus = TopicBigram(topics=2, words=1, shared=0.5, stop=0.5, longest=2)
    a, b = (group[0] for group in corpus._lexicon.groups)
    # Lengths 1 and 2 have 2/3 and 1/3; topic 0 stays with 3/4, topic 1 moves on with 3/4.
    assert math.exp(corpus.log_prob([a])) == pytest.approx(2 / 3 / 2)
    assert math.exp(corpus.log_prob([f"{a} {b}"])) == pytest.approx(1 / 3 / 4)
    torch.testing.assert_close(corpus.posterior([f"{a} {b}"])[0], torch.tensor([0.25, 0.75], dtype=torch.float64))


def test_words_and_lengths_give_no_information_about_the_topic():
    corpus = TopicBigram(topics=3, words=2, longest=4, shared=0.1)
    texts = language(corpus)
    given_topic = corpus.log_prob(texts).exp()[:, None] * corpus.posterior(texts) / corpus.prior()
    for word in corpus.vocabulary:
        counts = torch.tensor([text.split().count(word) for text in texts], dtype=torch.float64)
        torch.testing.assert_close(counts @ given_topic, (counts @ given_topic).mean().expand(3))


def test_sharing_dials_the_information_at_constant_words_and_lengths():
    corpora = [TopicBigram(shared=s) for s in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    information = [corpus.mutual_information() for corpus in corpora]
    assert information == sorted(information, reverse=True)
    assert information[-1] == pytest.approx(0, abs=1e-12)
    # Without sharing only a text without moves, of one word, hides its topic.
    assert information[0] == pytest.approx((1 - corpora[0]._p_L[0]) * math.log(8))
    assert len({corpus.expected_length() for corpus in corpora}) == 1
