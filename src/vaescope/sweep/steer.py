"""Steering by an attribute vector: what it does to a held-out probe and to the text's own likelihood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaescope.errors import UserError, unknown
from vaescope.estimators.encoded_region import FEWEST, EncodedRegion
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.randomness import stream
from vaescope.sweep.encode import encode
from vaescope.sweep.scoring import score
from vaescope.sweep.string_model import StringModel, StringTexts, encoded
from vaescope.sweep.text_model import TextModel

LEAST = 10
"""Fewest texts of each class in each part, and fewest texts that are steered."""

POINTS = 11
"""Points of a path whose share in holes is reported, both ends included."""


@dataclass(frozen=True)
class SteeringLevel:
    """What a step of ``strength`` times the attribute vector does; means over the steered texts with standard errors.

    Attributes:
        strength: the multiple of the vector.
        probability: the probe's p(toward | decoded text).
        change: this probability minus that at strength 0, paired by text.
        random_change: the change by a random direction of the same length.
        own_likelihood: log p(x|z + step) - log p(x|z) of the text itself, nats per text.
        holes: the share of the path from z to z + step that lies where no text is encoded (1% of encodings do).
        texts: the decoded texts.
    """

    strength: float
    probability: Estimate
    change: Estimate
    random_change: Estimate
    own_likelihood: Estimate
    holes: Estimate
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Steering:
    """An attribute vector and what it does to texts that it was not made of.

    Attributes:
        vector: the difference of the class means of E[z|x], ``[D]``.
        length: its length.
        length_by_chance: the length that the difference of two such samples of one class has on average.
        accuracy: share of the held-out texts that the probe labels correctly.
        steered: the texts that were steered; they have other labels.
        levels: one for each strength.
    """

    vector: Tensor
    length: float
    length_by_chance: float
    accuracy: Estimate
    steered: tuple[str, ...]
    levels: tuple[SteeringLevel, ...]


def attribute_vector(z_ND: Tensor, is_N: Tensor) -> tuple[Tensor, float]:
    r"""Return the difference of the means of z with and without an attribute, ``[D]``, and its length by chance.

    By chance, with equal means, :math:`E|v|^2 = \mathrm{tr}\,C_1/n_1 + \mathrm{tr}\,C_0/n_0`; its root is returned.

    >>> z = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> vector, chance = attribute_vector(z, torch.tensor([True, True, False, False]))
    >>> vector.tolist(), chance
    ([2.0, -1.0], 1.0)
    """
    parts = z_ND[is_N], z_ND[~is_N]
    chance = sum(part.var(0).sum().item() / len(part) for part in parts)
    return parts[0].mean(0) - parts[1].mean(0), chance**0.5


def steer(
    functions: TextModel,
    texts: Sequence[str],
    labels: Sequence[str],
    toward: str,
    *,
    away: str | None = None,
    strengths: Sequence[float] = (0.5, 1.0, 2.0),
    most: int = 200,
    seed: int = 0,
) -> Steering:
    """Return what moving texts along the attribute vector of a label does.

    The distinct texts are split at random: a half makes the vector, a quarter trains the probe (logistic regression on
    the words and pairs of words of a text), and from the last quarter those with another label are steered. So the
    probe has seen neither the vector's texts nor the steered ones, and it reads the decoded text, never z.

    Args:
        functions: the model; it needs ``decode``.
        texts: labelled texts that the model was not trained on.
        labels: a label for each; texts with an empty label are left out.
        toward: the label to move to.
        away: the label to move from; None for all others.
        strengths: multiples of the vector.
        most: most texts that are steered.
        seed: of the split and of the random direction.

    Raises:
        UserError: no ``decode``, an unknown label, or too few texts with a label.
    """
    decode = functions.decode
    if decode is None:
        raise UserError("steer needs decode, the greedy text at a point; give it to the TextModel")
    kept, own, others = _split(texts, labels, toward, away, seed)
    size = encoded(functions, kept[:1], None)[0].shape[1]
    model, split = StringModel(functions, size), StringTexts.of(kept, functions)
    found = encode(model, split)
    making, probing, steering = _parts(len(kept))
    is_N = torch.tensor([label == toward for label in own])
    _refuse_few(is_N, making, probing, toward, others)
    vector, chance = attribute_vector(found.mean[making], is_N[making])
    probe = _probe([kept[i] for i in probing], is_N[probing])
    right_M = (probe([kept[i] for i in steering]) > 0.5) == is_N[steering]
    moved = steering[~is_N[steering]][:most]
    if len(moved) < LEAST:
        raise UserError(
            f"steer: {len(moved)} held-out texts that are not '{toward}'; give at least {LEAST}: more texts"
        )
    region = EncodedRegion.of(found.mean[making], found.std[making], seed=seed)
    noise_D = torch.randn(size, generator=stream(seed, "random direction"))
    step = _Step(
        decode,
        probe,
        found.mean[moved],
        vector,
        noise_D / noise_D.norm() * vector.norm(),
        lambda z_ND: score(model, StringTexts.of([kept[i] for i in moved], functions), z_ND[None], group_tokens=8_192)[
            0
        ],
        region,
    )
    return Steering(
        vector,
        vector.norm().item(),
        chance,
        mean_of(right_M.double(), unit="of the texts"),
        tuple(kept[i] for i in moved),
        tuple(step.level(strength) for strength in strengths),
    )


@dataclass
class _Step:
    """Measures a step from the points z of the steered texts."""

    decode: Callable[[Tensor], list[str]]
    probe: Callable[[Sequence[str]], Tensor]
    start: Tensor
    vector: Tensor
    random: Tensor
    likelihood: Callable[[Tensor], Tensor]
    region: EncodedRegion

    def __post_init__(self) -> None:
        self.at_rest = self.probe(self.decode(self.start))
        self.own = self.likelihood(self.start)

    def level(self, strength: float) -> SteeringLevel:
        there_ND = self.start + strength * self.vector
        texts = self.decode(there_ND)
        probability_N, random_N = self.probe(texts), self.probe(self.decode(self.start + strength * self.random))
        t_P11 = torch.linspace(0, strength, POINTS)[:, None, None]
        path_PND = self.start + t_P11 * self.vector
        holes_N = self.region.holes(path_PND.flatten(0, 1)).view(POINTS, -1).double().mean(0)
        return SteeringLevel(
            strength,
            mean_of(probability_N, unit="probability"),
            mean_of(probability_N - self.at_rest, unit="probability"),
            mean_of(random_N - self.at_rest, unit="probability"),
            mean_of(self.likelihood(there_ND) - self.own, unit="nats/text"),
            mean_of(holes_N, unit="of the path"),
            tuple(texts),
        )


def _split(
    texts: Sequence[str], labels: Sequence[str], toward: str, away: str | None, seed: int
) -> tuple[list[str], list[str], str]:
    """Return the distinct texts with a label of interest, in random order, their labels, and the others in words."""
    if len(texts) != len(labels):
        raise UserError(f"labels: {len(labels)} for {len(texts)} texts; give one for each")
    own: dict[str, str] = {}
    for text, label in zip(texts, labels, strict=True):
        if label:
            own.setdefault(text, label)
    known = sorted(set(own.values()))
    for label in (toward, *([] if away is None else [away])):
        if label not in known:
            raise unknown("label", label, known)
    if toward == away or len(known) < 2:
        raise UserError(f"steer: '{toward}' is both ends; give another label to move from")
    chosen = [text for text, label in own.items() if away is None or label in (toward, away)]
    order = torch.randperm(len(chosen), generator=stream(seed, "steered texts")).tolist()
    kept = [chosen[i] for i in order]
    return kept, [own[text] for text in kept], "others" if away is None else f"'{away}'"


def _parts(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the places of a half, a quarter and a quarter; the texts are in random order already."""
    half, quarters = count // 2, count - count // 4
    places = torch.arange(count)
    return places[:half], places[half:quarters], places[quarters:]


def _refuse_few(is_N: Tensor, making: Tensor, probing: Tensor, toward: str, others: str) -> None:
    for part, use in ((making, "the vector"), (probing, "the probe")):
        counts = int(is_N[part].sum()), int((~is_N[part]).sum())
        if min(counts) < LEAST or (part is making and len(part) < FEWEST):
            raise UserError(
                f"steer: {counts[0]} texts of '{toward}' and {counts[1]} of {others} for {use}; give more texts, "
                f"at least {LEAST} of each in each quarter"
            )


def _probe(texts: list[str], is_N: Tensor) -> Callable[[Sequence[str]], Tensor]:
    """Return a classifier of texts by their words and pairs of words, as the probability of the attribute."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), binary=True)
    whole: Any = make_pipeline(words, LogisticRegression(max_iter=1000)).fit(texts, is_N.numpy())
    return lambda given: torch.from_numpy(whole.predict_proba(list(given))[:, 1])
