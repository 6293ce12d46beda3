import math
import random
from collections import Counter

import numpy as np
import pytest

from vaescope.corpora.known._grammar import Grammar

RULES = {
    "S": [(0.6, ("a", "T")), (0.4, ("b",))],
    "T": [(0.5, ()), (0.3, ("c", "U")), (0.2, ("a", "a"))],
    "U": [(1.0, ("c",))],
}
SENTENCES = {("b",): 0.4, ("a",): 0.3, ("a", "c", "c"): 0.18, ("a", "a", "a"): 0.12}


def test_probabilities_by_hand():
    grammar = Grammar(RULES)
    for sentence, p in SENTENCES.items():
        assert math.exp(grammar.log_prob(sentence)) == pytest.approx(p)


@pytest.mark.parametrize("sentence", [(), ("a", "c"), ("b", "b"), ("c",), ("a", "a", "a", "a"), ("d",)])
def test_other_sentences_are_impossible(sentence):
    assert Grammar(RULES).log_prob(sentence) == -math.inf


def test_entropy_and_counts_by_enumeration():
    grammar = Grammar(RULES)
    assert grammar.entropy() == pytest.approx(-sum(p * math.log(p) for p in SENTENCES.values()))
    counts = grammar.expected_counts()
    for category in "abc":
        assert counts[category] == pytest.approx(sum(p * s.count(category) for s, p in SENTENCES.items()))


def test_distribution_of_counts_by_enumeration():
    expected = np.zeros(4)
    for sentence, p in SENTENCES.items():
        expected[sum(c in "ac" for c in sentence)] += p
    np.testing.assert_allclose(Grammar(RULES).count_distribution({"a", "c"}), expected)


def test_samples_follow_the_probabilities():
    grammar, rng, n = Grammar(RULES), random.Random(0), 4_000
    seen = Counter(tuple(grammar.sample(rng)) for _ in range(n))
    assert set(seen) == set(SENTENCES)
    for sentence, p in SENTENCES.items():
        assert abs(seen[sentence] / n - p) < 4 * math.sqrt(p * (1 - p) / n)


def test_an_ambiguous_grammar_is_refused():
    with pytest.raises(ValueError, match="two productions of S start with a"):
        Grammar({"S": [(0.5, ("a",)), (0.5, ("a", "b"))]})
    # The empty production of T competes with its other one, because an a may follow T.
    with pytest.raises(ValueError, match="T"):
        Grammar({"S": [(1.0, ("T", "a"))], "T": [(0.5, ()), (0.5, ("a",))]})


def test_probabilities_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match="sum to one"):
        Grammar({"S": [(0.5, ("a",))]})


def test_a_recursive_grammar_by_its_closed_form():
    grammar = Grammar({"S": [(0.3, ("a", "S", "b")), (0.7, ("c",))]})
    assert math.exp(grammar.log_prob(["a", "a", "c", "b", "b"])) == pytest.approx(0.3**2 * 0.7)
    assert grammar.log_prob(["a", "c"]) == -math.inf
    # The number of rewritings before the last is geometric with mean 0.3/0.7.
    assert grammar.entropy() == pytest.approx(-(0.3 * math.log(0.3) + 0.7 * math.log(0.7)) / 0.7)
    assert grammar.expected_counts() == pytest.approx({"a": 3 / 7, "b": 3 / 7, "c": 1.0})
    with pytest.raises(ValueError, match="recursive"):
        grammar.count_distribution({"a"})


def test_a_grammar_that_never_ends_is_refused():
    with pytest.raises(ValueError, match="infinite"):
        Grammar({"S": [(0.5, ("a", "S", "S")), (0.5, ("b",))]})
