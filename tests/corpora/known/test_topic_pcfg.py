"""The main corpus against brute force on instances that can be enumerated."""

import itertools
import math

import pytest

from vaescope.corpora.known._words import FUNCTION, TOPICS
from vaescope.corpora.known.topic_pcfg import CONTENT, TopicPcfg
from vaescope.errors import UserError

from .enumeration import check_by_enumeration

TINY = [
    {"topics": 2, "words": 2, "depth": 0},
    {"topics": 3, "words": 1, "depth": 0, "purity": 0.6},
    {"topics": 2, "words": 1, "depth": 0, "zipf": 0.0},
]


def language(corpus: TopicPcfg) -> list[str]:
    """All sentences of a bare grammar, written down without its rules."""
    noun, verb, active = ([w for g in corpus._lexicon[c] for w in g] for c in ("Noun", "Intransitive", "Transitive"))
    phrases = [f"{d} {n}" for d in corpus._lexicon["Determiner"][0] for n in noun]
    subjects = corpus._lexicon["Pronoun"][0] + phrases
    predicates = verb + [f"{v} {o}" for v in active for o in phrases]
    return [f"{s} {p}" for s, p in itertools.product(subjects, predicates)]


@pytest.mark.parametrize("options", TINY)
def test_all_numbers_by_enumeration(options):
    corpus = TopicPcfg(**options)
    check_by_enumeration(corpus, language(corpus))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_samples_lie_in_the_language_at_every_depth(depth):
    corpus = TopicPcfg(depth=depth)
    assert corpus.log_prob(corpus.sample(500, seed=depth)).isfinite().all()


def test_the_default_is_of_the_size_that_the_documentation_promises():
    corpus = TopicPcfg()
    assert 30 < corpus.entropy() < 36
    assert 1.7 < corpus.mutual_information() < 2.0
    assert 11 < corpus.expected_length() < 14
    assert 150 <= len(corpus.vocabulary) <= 300


def test_the_seed_of_the_language_permutes_words_and_changes_no_truth():
    a, b = TopicPcfg(seed=0), TopicPcfg(seed=1)
    assert a.vocabulary == b.vocabulary
    assert a.entropy() == b.entropy()
    assert a.sample(5, seed=0) != b.sample(5, seed=0)


def test_purer_topics_give_more_information():
    information = [TopicPcfg(purity=a).mutual_information() for a in (0.2, 0.5, 0.8, 0.99)]
    assert information == sorted(information)
    assert information[-1] < math.log(8)


def test_words_are_distinct_and_groups_of_equal_size():
    words = [w for topic in TOPICS.values() for c in CONTENT for w in topic[c].split()]
    words += [w for line in FUNCTION.values() for w in line.split()]
    assert len(words) == len(set(words))
    for c in CONTENT:
        assert len({len(topic[c].split()) for topic in TOPICS.values()}) == 1


@pytest.mark.parametrize("options", [{"topics": 1}, {"topics": 9}, {"purity": 0.1}, {"purity": 1.0}, {"depth": 4}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(UserError, match=next(iter(options))):
        TopicPcfg(**options)
