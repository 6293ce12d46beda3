"""Sentences of a recursive grammar without a hidden cause: a decoder can model them fully without a latent.

Phrases contain phrases to any depth, in the middle too ("the cow that the farmer fed grazed"), so the language is not
regular and its dependencies are long. The words of each category follow Zipf's law, independently of their context.
"""

from __future__ import annotations

import math
import random
from functools import cache

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from vaescope.corpora.known._grammar import Grammar, Rules
from vaescope.corpora.known._known import DiscreteCause, require
from vaescope.corpora.known._lexicon import zipf_law
from vaescope.corpora.known._words import FUNCTION, TOPICS


class Pcfg(DiscreteCause):
    r"""The distribution p(x) = p(tree) prod_w p(w|category of w) of an unambiguous probabilistic grammar.

    H(X) = H(tree) + sum_c E[n_c] H(W|c), where H(tree) = [(I - E)^{-1} h]_S with E_AB the expected number of B in one
    rewriting of A and h_A the entropy of the choice among its productions (Grenander 1976); E[n_c] likewise. There is
    no cause: K = 1 and I(X;K) = 0, so that any rate a model pays is superfluous.

    Options: ``nesting``, the probability that a noun is followed by a prepositional phrase, ``words`` per category at
    most, ``zipf`` exponent, and ``seed``, which decides which words are the frequent ones. Texts have no
    longest: by default 3 in a million have more than 62 words, so set ``data.max_length`` with room to spare.

    Raises:
        UserError: an option out of its range.

    >>> corpus = Pcfg()
    >>> corpus.mutual_information()
    0.0
    >>> Pcfg(nesting=0.4).expected_length() > corpus.expected_length()
    True
    """

    def __init__(self, *, nesting: float = 0.2, words: int = 24, zipf: float = 1.0, seed: int = 0) -> None:
        require("pcfg", "nesting", nesting, 0.01, 0.6)
        require("pcfg", "words", words, 1, 80)
        require("pcfg", "zipf", zipf, 0, 10)
        self.grammar = Grammar(rules(nesting))
        rng = random.Random(seed)
        self._words = {c: _words_of(c, rng)[:words] for c in self.grammar.categories}
        self._zipf = {c: zipf_law(len(of), zipf) for c, of in self._words.items()}
        self._entries = {
            word: (c, math.log(p)) for c, of in self._words.items() for word, p in zip(of, self._zipf[c], strict=True)
        }
        self._log_tree = cache(self.grammar.log_prob)

    @property
    def vocabulary(self) -> list[str]:
        """All words of the language, sorted."""
        return sorted(self._entries)

    def sample_with_cause(self, n: int, *, seed: int) -> tuple[list[str], Tensor]:
        """Draw ``n`` sentences; the cause of all is 0."""
        rng = random.Random(seed)
        cumulative = {c: np.cumsum(p).tolist() for c, p in self._zipf.items()}
        trees = [self.grammar.sample(rng) for _ in range(n)]
        texts = [" ".join(rng.choices(self._words[c], cum_weights=cumulative[c])[0] for c in tree) for tree in trees]
        return texts, torch.zeros(n, dtype=torch.int64)

    @override
    def log_prob(self, texts: list[str]) -> Tensor:
        return torch.tensor([self._log_prob(text) for text in texts], dtype=torch.float64)

    def prior(self) -> Tensor:
        """Return the one, ``[1]``."""
        return torch.ones(1, dtype=torch.float64)

    def posterior(self, texts: list[str]) -> Tensor:
        """Return ones, ``[N, 1]``; NaN outside the language."""
        return torch.ones_like(log_p_N := self.log_prob(texts)).masked_fill(log_p_N.isinf(), torch.nan)[:, None]

    def entropy(self) -> float:
        """Return H(X) = H(tree) + sum over categories of E[n_c] H(W|c)."""
        lexical = {c: float(-(p * np.log(p)).sum()) for c, p in self._zipf.items()}
        return self.grammar.entropy() + sum(n * lexical[c] for c, n in self.grammar.expected_counts().items())

    def mutual_information(self) -> float:
        """Return 0: the corpus has no cause."""
        return 0.0

    def expected_length(self) -> float:
        """Return the expected number of words."""
        return sum(self.grammar.expected_counts().values())

    def _log_prob(self, text: str) -> float:
        entries = [self._entries.get(word) for word in text.split(" ")]
        known = [entry for entry in entries if entry is not None]
        if len(known) < len(entries):
            return -math.inf
        return self._log_tree(tuple(c for c, _ in known)) + sum(log_p for _, log_p in known)


def rules(nesting: float) -> Rules:
    """Return the productions: clauses, coordinated or subordinated, whose phrases nest with this probability."""
    return {
        "S": [(0.85, ("Clause", "More")), (0.15, ("Subordinator", "Clause", "Then", "Clause"))],
        "More": [(0.9, ()), (0.1, ("Conjunction", "Clause", "More"))],
        "Clause": [(1.0, ("Subject", "Predicate"))],
        "Subject": [(0.2, ("Pronoun",)), (0.8, ("Phrase",))],
        "Predicate": [(0.3, ("Intransitive", "End")), (0.7, ("Transitive", "Phrase", "End"))],
        "End": [(0.6, ()), (0.2, ("Adverb",)), (0.2, ("VerbPreposition", "Phrase"))],
        "Phrase": [(1.0, ("Determiner", "Nominal"))],
        "Nominal": [(0.65, ("Noun", "Modifier")), (0.35, ("Adjective", "Noun", "Modifier"))],
        "Modifier": [
            (1 - nesting, ()),
            (0.5 * nesting, ("NounPreposition", "Phrase")),
            (0.5 * nesting, ("Relative", "Inner")),
        ],
        "Inner": [(0.5, ("Transitive", "Phrase")), (0.5, ("Phrase", "Transitive"))],
    }


def _words_of(category: str, rng: random.Random) -> list[str]:
    """Return the words of a category in the order of their frequency: of all topics, or the function words."""
    if category in FUNCTION:
        return FUNCTION[category].split()
    words = [word for topic in TOPICS.values() for word in topic[category].split()]
    rng.shuffle(words)
    return words
