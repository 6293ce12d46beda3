import math
from collections.abc import Iterator

import numpy as np
import pytest

from vaescope.corpora.known.pcfg import Pcfg, rules


def derivations(grammar: dict, least: float) -> Iterator[tuple[tuple[str, ...], float]]:
    """All sentences of categories whose probability is at least ``least``, by leftmost rewriting."""
    unfinished = [((), ("S",), 1.0)]
    while unfinished:
        done, rest, p = unfinished.pop()
        if not rest:
            yield done, p
        elif rest[0] in grammar:
            bodies = ((q, body) for q, body in grammar[rest[0]] if p * q >= least)
            unfinished += [(done, (*body, *rest[1:]), p * q) for q, body in bodies]
        else:
            unfinished.append(((*done, rest[0]), rest[1:], p))


def lengths(grammar: dict, most: int) -> np.ndarray:
    """p(number of words) up to ``most``: the fixed point of the generating functions, truncated."""
    known = {symbol: np.zeros(most + 1) for symbol in grammar}
    word = np.eye(most + 1)[1]
    for _ in range(most + 10):
        new = {}
        for symbol, productions in grammar.items():
            new[symbol] = np.zeros(most + 1)
            for p, body in productions:
                term = np.array([p])
                for part in body:
                    term = np.convolve(term, known.get(part, word))[: most + 1]
                new[symbol][: len(term)] += term
        known = new
    return known["S"]


def test_probable_sentences_by_rewriting():
    corpus, total, seen = Pcfg(words=1), 0.0, set()
    for categories, p in derivations(rules(0.2), 1e-5):
        text = " ".join(corpus._words[c][0] for c in categories)
        assert float(corpus.log_prob([text])) == pytest.approx(math.log(p))
        assert text not in seen, "the grammar is ambiguous"
        seen.add(text)
        total += p
    assert 0.7 < total <= 1


def test_length_by_generating_functions():
    p = lengths(rules(0.2), 120)
    assert p.sum() == pytest.approx(1, abs=1e-8)
    assert p @ np.arange(121) == pytest.approx(Pcfg().expected_length(), abs=1e-6)
    assert 2e-6 < p[63:].sum() < 4e-6  # what the documentation promises


def test_the_words_have_the_law_of_their_category():
    one, two = Pcfg(words=1), Pcfg(words=2, zipf=0.0)
    # Two equally probable words for each category that has more than one: log 2 a word.
    counts = one.grammar.expected_counts()
    ambiguous = sum(n for c, n in counts.items() if len(two._words[c]) == 2)
    assert two.entropy() == pytest.approx(one.entropy() + ambiguous * math.log(2))
    assert one.entropy() == pytest.approx(one.grammar.entropy())


def test_deeper_nesting_makes_longer_texts():
    expected = [Pcfg(nesting=p).expected_length() for p in (0.1, 0.2, 0.4, 0.6)]
    assert expected == sorted(expected)
