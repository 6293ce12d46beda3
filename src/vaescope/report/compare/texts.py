"""What the models of a comparison write: samples, reconstructions and one interpolation of the same texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from safetensors import SafetensorError

from vaescope.corpora.corpus import load_corpus
from vaescope.errors import UserError
from vaescope.model.checkpoints.load import load
from vaescope.report.compare.runs import Run
from vaescope.runs.run_folder import RunFolder

SAMPLES, RECONSTRUCTIONS, STEPS = 4, 3, 5
"""Texts of each run: samples of the prior, reconstructions, and points of the interpolation, both ends included."""

WORDS = range(5, 13)
"""Lengths of the texts that are shown, where the split has some."""


@dataclass(frozen=True)
class Texts:
    """What one model writes.

    Attributes:
        samples: x ~ p(x|z), z ~ p(z).
        reconstructions: the greedy text at the posterior mean of each source.
        interpolation: greedy texts on the line from the first source to the second.
        missing: why there is nothing, or an empty string.
    """

    samples: list[str] = field(default_factory=list)
    reconstructions: list[str] = field(default_factory=list)
    interpolation: list[str] = field(default_factory=list)
    missing: str = ""


def sources(runs: Sequence[Run], split: str) -> list[str]:
    """Return the first texts of the split that are neither very short nor long; none where no corpus can be read."""
    for run in runs:
        try:
            texts = load_corpus(RunFolder(run.path).config.data).split(split)
        except UserError:
            continue
        fit = [text for text in texts if len(text.split()) in WORDS]
        return (fit if len(fit) >= RECONSTRUCTIONS else texts)[:RECONSTRUCTIONS]
    return []


def write(run: Run, sources: Sequence[str]) -> Texts:
    """Return the texts of a run whose model can be read."""
    try:
        space = load(run.path)
        samples = space.sample(SAMPLES)
        if run.is_language_model or len(sources) < 2:
            return Texts(samples)
        return Texts(samples, space.reconstruct(sources), space.interpolate(*sources[:2], steps=STEPS))
    except (UserError, OSError, SafetensorError) as error:
        return Texts(missing=f"{run.name}: no texts, since its model cannot be read ({' '.join(str(error).split())})")
