"""Sentences with syntax, length and a topic: one unambiguous grammar, whose content words depend on a hidden topic.

A topic k of K (uniform) is the cause of a text. The tree comes from a grammar that all topics share, function words
from their category alone; each content word first chooses a group g, p(g|k) = a if g = k, else (1 - a)/(K - 1), and
then a word of that group and category by Zipf's law. So the counts n_g of content words per group are sufficient
for k, and all of H(X), H(X|K) and I(X;K) are finite sums.
"""

from __future__ import annotations

import math
import random
from functools import cache, cached_property

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from vaescope.corpora.known._grammar import Grammar, Rules
from vaescope.corpora.known._known import DiscreteCause
from vaescope.corpora.known._lexicon import zipf_law
from vaescope.corpora.known._topics import NoisyTopics
from vaescope.corpora.known._words import FUNCTION, TOPICS
from vaescope.errors import UserError

CONTENT = ("Noun", "Transitive", "Intransitive", "Adjective")
"""The categories whose words depend on the topic."""


class TopicPcfg(DiscreteCause):
    r"""The distribution p(x) = p(tree) prod_{function words} p(w|c) prod_{content words} p(w|c, g_w) p(n), with

        p(n) = 1/K sum_k a^{n_k} ((1 - a)/(K - 1))^{m - n_k},    m = sum_g n_g.

    H(X|K) = H(tree) + sum_c E[n_c] H(W|c, k), and I(X;K) = log K - sum_m p(m) E[H(K|n) | m] by enumeration of the
    counts n, with p(m) from the generating function of the grammar.

    Options: ``topics`` K (2 to 8), ``purity`` a, ``depth`` to which phrases nest (0: bare clauses), ``words`` per
    group at most, ``zipf`` exponent, and ``seed``, which decides which words are the frequent ones.

    Raises:
        UserError: an option out of its range.

    >>> corpus = TopicPcfg()
    >>> corpus.sample(1, seed=3) == corpus.sample(1, seed=3)
    True
    >>> bool(corpus.log_prob(["colourless ideas sleep"])[0] == -torch.inf)
    True
    >>> corpus.mutual_information() < math.log(8)
    True
    """

    def __init__(
        self,
        *,
        topics: int = 8,
        purity: float = 0.8,
        depth: int = 2,
        words: int = 10,
        zipf: float = 1.0,
        seed: int = 0,
    ) -> None:
        if not 2 <= topics <= len(TOPICS):
            raise UserError(f"topic_pcfg: topics is {topics}; give 2 to {len(TOPICS)}")
        if not 1 / topics < purity < 1:
            raise UserError(f"topic_pcfg: purity is {purity}; give a number between 1/topics and 1")
        if not 0 <= depth <= 3:
            raise UserError(f"topic_pcfg: depth is {depth}; give 0 to 3")
        if words < 1 or zipf < 0:
            raise UserError("topic_pcfg: words must be at least 1 and zipf at least 0")
        self.topics = topics
        self.grammar = Grammar(rules(depth))
        self._groups = NoisyTopics(topics=topics, purity=purity)
        self._lexicon = _lexicon(topics, words, random.Random(seed))
        self._zipf = {c: zipf_law(len(groups[0]), zipf) for c, groups in self._lexicon.items()}
        self._entries = {
            word: (c, g if c in CONTENT else None, math.log(p))
            for c, groups in self._lexicon.items()
            for g, group in enumerate(groups)
            for word, p in zip(group, self._zipf[c], strict=True)
        }
        self._log_tree = cache(self.grammar.log_prob)

    @property
    def vocabulary(self) -> list[str]:
        """All words of the language, sorted."""
        return sorted(self._entries)

    def sample_with_cause(self, n: int, *, seed: int) -> tuple[list[str], Tensor]:
        """Draw ``n`` sentences and the topic of each, ``[N]``, int64."""
        trees, rng = random.Random(seed), np.random.default_rng(seed)
        sentences = [self.grammar.sample(trees) for _ in range(n)]
        topic_N = rng.integers(self.topics, size=n)
        lengths = [len(sentence) for sentence in sentences]
        category_W = np.array([category for sentence in sentences for category in sentence])
        topic_W = np.repeat(topic_N, lengths)
        group_W = self._groups.draw(topic_W, rng)
        word_W = np.empty(len(topic_W), dtype=object)
        for category, groups in self._lexicon.items():
            here = category_W == category
            rank = rng.choice(len(groups[0]), size=here.sum(), p=self._zipf[category])
            group = group_W[here] if category in CONTENT else 0
            word_W[here] = np.array(groups, dtype=object)[group, rank]
        ends = np.cumsum(lengths).tolist()
        return [" ".join(word_W[e - m : e]) for e, m in zip(ends, lengths, strict=True)], torch.from_numpy(topic_N)

    @override
    def log_prob(self, texts: list[str]) -> Tensor:
        log_shared_N, counts_NK = self._analyse(texts)
        return log_shared_N + torch.logsumexp(self._groups.log_joint(counts_NK), dim=1)

    def prior(self) -> Tensor:
        """Return p(k) = 1/K, ``[K]``."""
        return torch.full((self.topics,), 1 / self.topics, dtype=torch.float64)

    def posterior(self, texts: list[str]) -> Tensor:
        """Return p(k|x), ``[N, K]``, float64; NaN outside the language."""
        log_shared_N, counts_NK = self._analyse(texts)
        posterior_NK = torch.softmax(self._groups.log_joint(counts_NK), dim=1)
        return posterior_NK.masked_fill(log_shared_N.isinf()[:, None], torch.nan)

    def entropy(self) -> float:
        """Return H(X) = H(X|K) + I(X;K)."""
        return self.conditional_entropy() + self.mutual_information()

    def conditional_entropy(self) -> float:
        """Return H(X|K) = H(tree) + sum over categories of E[n_c] H(W|c, k)."""
        group = self._groups.entropy()
        lexical = {c: float(-(p * np.log(p)).sum()) + group * (c in CONTENT) for c, p in self._zipf.items()}
        counts = self.grammar.expected_counts()
        return self.grammar.entropy() + sum(n * lexical[c] for c, n in counts.items())

    def mutual_information(self) -> float:
        """Return I(X;K) = log K - E H(K|n), at most log K."""
        return math.log(self.topics) - self._ambiguity

    def expected_length(self) -> float:
        """Return the expected number of words."""
        return sum(self.grammar.expected_counts().values())

    @cached_property
    def _ambiguity(self) -> float:
        """E H(K|n)."""
        return self._groups.ambiguity(self.grammar.count_distribution(set(CONTENT)))

    def _analyse(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Return the topic-free part of log p(x), ``[N]``, and the content words per group, ``[N, K]``."""
        log_shared, counts = np.full(len(texts), -math.inf), np.zeros((len(texts), self.topics))
        for i, text in enumerate(texts):
            entries = [self._entries.get(word) for word in text.split(" ")]
            known = [entry for entry in entries if entry is not None]
            if len(known) < len(entries):
                continue
            tree = self._log_tree(tuple(c for c, _, _ in known))
            log_shared[i] = tree + sum(log_p for _, _, log_p in known)
            for _, group, _ in known:
                if group is not None:
                    counts[i, group] += 1
        return torch.from_numpy(log_shared), torch.from_numpy(counts)


def rules(depth: int) -> Rules:
    """Return the productions: clauses whose noun phrases nest at most ``depth`` deep.

    Prepositions of nouns and of verbs differ and modifiers attach to the nearest noun, so no sentence has two trees.
    """
    grammar: dict[str, list[tuple[float, tuple[str, ...]]]] = {
        "S": [(1.0, ("Clause",))],
        "Clause": [(1.0, ("Subject", "Predicate"))],
        "Subject": [(0.2, ("Pronoun",)), (0.8, (f"Phrase{depth}",))],
        "Predicate": [
            (0.3, ("Intransitive", "End")),
            (0.7, ("Transitive", f"Phrase{depth}", "End")),
        ],
        "End": [(1.0, ())],
        "Phrase0": [(1.0, ("Determiner", "Noun"))],
    }
    for d in range(1, depth + 1):
        grammar[f"Phrase{d}"] = [(1.0, ("Determiner", f"Nominal{d}"))]
        grammar[f"Nominal{d}"] = [
            (0.65, ("Noun", f"Modifier{d}")),
            (0.35, ("Adjective", "Noun", f"Modifier{d}")),
        ]
        grammar[f"Modifier{d}"] = [
            (0.68, ()),
            (0.2, ("NounPreposition", f"Phrase{d - 1}")),
            (0.12, ("Relative", "Transitive", f"Phrase{d - 1}")),
        ]
    if depth:
        grammar["S"] = [(0.85, ("Clause", "More")), (0.15, ("Subordinator", "Clause", "Then", "Clause"))]
        grammar["More"] = [(0.7, ()), (0.3, ("Conjunction", "Clause"))]
        grammar["End"] = [
            (0.5, ()),
            (0.25, ("Adverb",)),
            (0.25, ("VerbPreposition", f"Phrase{depth - 1}")),
        ]
    return grammar


def _lexicon(topics: int, words: int, rng: random.Random) -> dict[str, list[list[str]]]:
    """Return the words of each category by group, the frequent first; function words have a single group."""
    lexicon = {c: [list(TOPICS[t][c].split()) for t in list(TOPICS)[:topics]] for c in CONTENT}
    lexicon |= {c: [list(line.split())] for c, line in FUNCTION.items()}
    for c in CONTENT:
        for group in lexicon[c]:
            rng.shuffle(group)
    return {c: [group[:words] for group in groups] for c, groups in lexicon.items()}
