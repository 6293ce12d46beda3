import itertools
import math

import pytest
import torch

from vaescope.corpora.known.template import Template

from .enumeration import check_by_enumeration

TINY = [{"topics": 3, "slots": 3, "words": 3}, {"topics": 1, "slots": 2, "words": 4}, {"concentration": 0.02}]


@pytest.mark.parametrize("options", TINY)
def test_all_numbers_by_enumeration(options):
    corpus = Template(**{"slots": 4, "words": 3} | options)
    check_by_enumeration(corpus, [" ".join(words) for words in itertools.product(*corpus._words)])


def test_one_sentence_by_hand():
    corpus = Template(topics=2, slots=2, words=2)
    pi, phi = corpus.prior(), corpus._phi_KTV
    joint = [float(pi[k] * phi[k, 0, 1] * phi[k, 1, 0]) for k in range(2)]
    text = f"{corpus._words[0][1]} {corpus._words[1][0]}"
    assert float(corpus.log_prob([text])) == pytest.approx(math.log(sum(joint)))
    torch.testing.assert_close(corpus.posterior([text])[0], torch.tensor(joint, dtype=torch.float64) / sum(joint))


def test_words_in_the_wrong_slot_are_no_sentence():
    corpus = Template(topics=2, slots=2, words=2)
    first, second = corpus._words
    assert corpus.log_prob([f"{second[0]} {first[0]}", first[0]]).tolist() == [-math.inf] * 2


def test_equal_topics_give_no_information():
    assert Template(concentration=1000.0).mutual_information() < 0.02
    assert Template(topics=1).mutual_information() == pytest.approx(0, abs=1e-12)
