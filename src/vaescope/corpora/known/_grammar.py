"""A probabilistic LL(1) grammar: exact probabilities, entropy and counts of its sentences."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

Rules = Mapping[str, Sequence[tuple[float, tuple[str, ...]]]]
"""Productions of each nonterminal with their probabilities; a symbol without productions is a category of words."""


class Grammar:
    """Sentences of categories from the start symbol ``S``.

    One category ahead decides each production (LL(1)), so a sentence has exactly one tree and p(sentence) is the
    product of the probabilities of its productions. A nonterminal may reach itself, but not as its own first symbol;
    every expectation over the sentences is then the solution of a linear system over the nonterminals.

    Raises:
        ValueError: probabilities of a nonterminal do not sum to one, one category ahead does not decide, or recursion
            so frequent that the expected length is infinite.

    >>> grammar = Grammar({"S": [(0.5, ("Noun", "Verb")), (0.5, ("Verb",))]})
    >>> grammar.log_prob(["Verb"])
    -0.6931471805599453
    >>> grammar.log_prob(["Noun"])
    -inf
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._table: dict[str, dict[str | None, tuple[float, tuple[str, ...]]]] = {}
        for symbol, productions in rules.items():
            if not math.isclose(sum(p for p, _ in productions), 1.0):
                raise ValueError(f"the probabilities of {symbol} do not sum to one")
            self._table[symbol] = self._row(symbol)
        for symbol, after in self._follow().items():
            if None in self._table[symbol] and (clash := after & set(self._table[symbol])):
                raise ValueError(f"{symbol} may be empty, but {min(clash)} may also follow it")
        if max(abs(np.linalg.eigvals(self._offspring))) >= 1:
            raise ValueError("the expected length is infinite; make the recursive productions less probable")

    @property
    def categories(self) -> list[str]:
        """The categories of words, sorted."""
        symbols = {s for productions in self.rules.values() for _, body in productions for s in body}
        return sorted(symbols - set(self.rules))

    def sample(self, rng: random.Random) -> list[str]:
        """Draw a sentence of categories."""
        stack, sentence = ["S"], []
        while stack:
            symbol = stack.pop()
            if symbol in self._reversed:
                bodies, cumulative = self._reversed[symbol]
                stack.extend(rng.choices(bodies, cum_weights=cumulative)[0] if len(bodies) > 1 else bodies[0])
            else:
                sentence.append(symbol)
        return sentence

    def log_prob(self, sentence: Sequence[str]) -> float:
        """Return log p(sentence) in nats, -inf outside the language."""
        stack, total, position = ["S"], 0.0, 0
        while stack:
            symbol = stack.pop()
            ahead = sentence[position] if position < len(sentence) else None
            if symbol not in self._table:
                if symbol != ahead:
                    return -math.inf
                position += 1
                continue
            row = self._table[symbol]
            production = row.get(ahead, row.get(None))
            if production is None:
                return -math.inf
            total += math.log(production[0])
            stack.extend(reversed(production[1]))
        return total if position == len(sentence) else -math.inf

    def entropy(self) -> float:
        """Return the entropy of the sentences: H(A) = sum_r p_r (-log p_r + sum of H(B) over B in r), solved for S."""
        return self._expect(lambda p: -math.log(p), {})

    def expected_counts(self) -> dict[str, float]:
        """Return the expected number of words of each category in a sentence."""
        return {c: self._expect(lambda p: 0.0, {c: 1.0}) for c in self.categories}

    def count_distribution(self, counted: set[str]) -> np.ndarray:
        """Return p(m) of the number m of words in the ``counted`` categories, ``[M + 1]``.

        The generating function of a nonterminal is the mixture over its productions of the products over their
        symbols; a product of generating functions is a convolution of their coefficients. Without recursion they are
        polynomials; the counts of a recursive grammar have no bound.

        Raises:
            ValueError: the grammar is recursive.
        """
        if np.linalg.matrix_power(self._offspring, len(self.rules)).any():
            raise ValueError("a recursive grammar has sentences of any length, so the counts have no last value")
        known: dict[str, np.ndarray] = {}

        def polynomial(symbol: str) -> np.ndarray:
            if symbol not in self.rules:
                return np.array([0.0, 1.0]) if symbol in counted else np.array([1.0])
            if symbol not in known:
                terms = []
                for p, body in self.rules[symbol]:
                    product = np.array([p])
                    for part in body:
                        product = np.convolve(product, polynomial(part))
                    terms.append(product)
                total = np.zeros(max(len(term) for term in terms))
                for term in terms:
                    total[: len(term)] += term
                known[symbol] = total
            return known[symbol]

        return polynomial("S")

    def _expect(self, of_rule: Callable[[float], float], of_category: dict[str, float]) -> float:
        """Return the expected sum over the tree of ``of_rule`` (of each production) and ``of_category``.

        With E_AB the expected number of B in one rewriting of A and c_A the expected share of that rewriting, the sum
        below A is v = c + E v (Grenander 1976).
        """
        own_A = [
            sum(p * (of_rule(p) + sum(of_category.get(part, 0.0) for part in body)) for p, body in productions)
            for productions in self.rules.values()
        ]
        values_A = np.linalg.solve(np.eye(len(self.rules)) - self._offspring, np.array(own_A))
        return float(values_A[list(self.rules).index("S")])

    @cached_property
    def _offspring(self) -> np.ndarray:
        """Expected number of each nonterminal in one rewriting of each, ``[A, A]``."""
        return np.array(
            [
                [sum(p * body.count(b) for p, body in productions) for b in self.rules]
                for productions in self.rules.values()
            ]
        )

    @cached_property
    def _reversed(self) -> dict[str, tuple[list[tuple[str, ...]], list[float]]]:
        """Bodies from last to first symbol (the order of a stack), with cumulative probabilities."""
        return {
            symbol: (
                [body[::-1] for _, body in productions],
                list(np.cumsum([p for p, _ in productions])),
            )
            for symbol, productions in self.rules.items()
        }

    def _row(self, symbol: str) -> dict[str | None, tuple[float, tuple[str, ...]]]:
        row: dict[str | None, tuple[float, tuple[str, ...]]] = {}
        for production in self.rules[symbol]:
            for category in self._first(production[1]):
                if category in row:
                    raise ValueError(f"two productions of {symbol} start with {category or 'nothing'}")
                row[category] = production
        return row

    def _follow(self) -> dict[str, set[str]]:
        """Return the categories that can come right after each nonterminal."""
        after: dict[str, set[str]] = {symbol: set() for symbol in self.rules}
        before = -1
        while before != (before := sum(map(len, after.values()))):
            for symbol, productions in self.rules.items():
                for _, body in productions:
                    for i, part in enumerate(body):
                        if part in after:
                            starts = self._first(body[i + 1 :])
                            after[part] |= {s for s in starts if s is not None}
                            after[part] |= after[symbol] if None in starts else set()
        return after

    def _first(self, body: Sequence[str]) -> set[str | None]:
        """Return the categories that ``body`` can start with; None stands for an empty body."""
        starts: set[str | None] = {None}
        for symbol in body:
            starts.remove(None)
            if symbol not in self.rules:
                return starts | {symbol}
            for _, inner in self.rules[symbol]:
                starts |= self._first(inner)
            if None not in starts:
                return starts
        return starts
