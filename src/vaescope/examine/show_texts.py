"""Make the texts that a page shows of a run: samples, reconstructions and one path.

They are made with the assessment.
"""

from __future__ import annotations

from collections.abc import Sequence

from vaescope.examine.examined_run import Examined
from vaescope.model.latent_space import LatentSpace
from vaescope.runs.shown_texts import ShownTexts

SAMPLES, RECONSTRUCTIONS, STEPS = 4, 3, 5
"""Numbers of samples, reconstructions, and points of the path including its ends."""

WORDS = range(5, 13)
"""Lengths in words of the texts that are shown, if the split has enough of them."""


def sources(texts: Sequence[str]) -> list[str]:
    """Return the first distinct texts that are neither very short nor long, else the first distinct ones.

    >>> sources(["one", "a text of five words", "a text of five words", "two", "three"])
    ['one', 'a text of five words', 'two']
    """
    different = list(dict.fromkeys(texts))
    fit = [text for text in different if len(text.split()) in WORDS]
    return (fit if len(fit) >= RECONSTRUCTIONS else different)[:RECONSTRUCTIONS]


def texts_to_show(run: Examined, split: str) -> ShownTexts:
    """Return samples from the prior of a run, and its reconstructions of the first texts of a split."""
    space = LatentSpace(run.model, run.tokenizer)
    samples = space.sample(SAMPLES, seed=run.config.seed)
    given = sources(run.tokenized(split).texts)
    if run.model.config.is_language_model:
        return ShownTexts(given, samples)
    path = space.interpolate(*given[:2], steps=STEPS) if len(given) > 1 else []
    return ShownTexts(given, samples, space.reconstruct(given), path)
