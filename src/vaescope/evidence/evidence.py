"""Evidence: the only input of a diagnostic."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from vaescope.errors import Missing
from vaescope.evidence import file
from vaescope.evidence.aggregate_posterior import AggregatePosterior
from vaescope.evidence.draws import Draws
from vaescope.evidence.experiments import Experiments
from vaescope.evidence.facts import Facts
from vaescope.evidence.information_ends import InformationEnds
from vaescope.evidence.references import NAMES, References
from vaescope.evidence.simulations import Simulations

T = TypeVar("T")


@dataclass(frozen=True)
class Evidence:
    """What is known of a model on a split of N texts; diagnostics are pure functions of it.

    Attributes:
        draws: the tensors of a sweep.
        simulations: texts drawn from the model, or None.
        experiments: experiments with the model on few texts.
        facts: what is known of the texts, of the training and of a baseline.
        references: what is known of q(z) beyond the assessed texts.

    >>> from vaescope.evidence.linear_gaussian import LinearGaussian
    >>> vae = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    >>> evidence = Evidence.of(Draws(**vae.sample_draws(500), metadata={"entropy": vae.entropy}))
    >>> evidence.facts.entropy == vae.entropy
    True
    """

    draws: Draws
    simulations: Simulations | None = None
    experiments: Experiments = field(default_factory=Experiments)
    facts: Facts = field(default_factory=Facts)
    references: References = field(default_factory=References)

    @classmethod
    def of(cls, draws: Draws) -> Evidence:
        """Return the evidence of a sweep only, with the facts in its metadata.

        Raises:
            UserError: an entry of the metadata of a wrong form.
        """
        return cls(draws, facts=Facts.of(draws.metadata))

    @classmethod
    def load(cls, path: Path | str) -> Evidence:
        """Return the evidence of a file of draws, with the references that it holds.

        Raises:
            UserError: what ``Draws.load`` refuses, or references of other shapes.
        """
        tensors, metadata = file.read(Path(path), NAMES)
        references = References.of({name: tensors.pop(name) for name in NAMES if name in tensors})
        evidence = cls.of(Draws(**tensors, metadata=metadata).validate())
        return replace(evidence, references=references).validate()

    def save(self, path: Path | str) -> None:
        """Write the draws and the references to a file of draws, so that its intervals are those of this evidence.

        Simulations, experiments and facts that are not in the metadata of the draws are not kept.

        >>> import tempfile
        >>> from vaescope.evidence.encodings import Encodings
        >>> from vaescope.evidence.linear_gaussian import LinearGaussian
        >>> vae = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
        >>> others = Encodings(*vae.encode(vae.sample_data(100, seed=7)))
        >>> evidence = Evidence(Draws(**vae.sample_draws(50)), references=References(components=others))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     evidence.save(f"{folder}/draws.safetensors")
        ...     len(Evidence.load(f"{folder}/draws.safetensors").references.components)
        100
        """
        tensors = {**self.draws.tensors(), **self.references.tensors()}
        file.write(Path(path), {name: tensor.contiguous() for name, tensor in tensors.items()}, self.draws.metadata)

    @property
    def strings(self) -> list[str] | None:
        """The texts as strings, where they are known."""
        return self.facts.strings

    @cached_property
    def aggregate(self) -> AggregatePosterior:
        """The aggregate posterior at the first sample of each text; computed once, when first used."""
        return AggregatePosterior(self.draws)

    @cached_property
    def information_ends(self) -> InformationEnds:
        """Every bound of I(X;Z) that the evidence allows; computed once, when first used."""
        return InformationEnds(self.aggregate, self.draws, self.facts, self.references)

    def validate(self) -> Evidence:
        """Return the evidence if it is complete and consistent.

        Raises:
            UserError: see ``Draws.validate``; or facts that are not one per text, or references of other shapes.
        """
        self.draws.validate()
        self.facts.check(self.draws.texts)
        self.references.check(self.draws.texts, self.draws.latent_size)
        return self


def need(value: T | None, name: str, remedy: str) -> T:
    """Return a part of the evidence, or raise an error if it is missing.

    Raises:
        Missing: the part is None; the message names it and how to get it.

    >>> need(None, "labels", "assess with --labels FILE")
    Traceback (most recent call last):
    ...
    vaescope.errors.Missing: no labels: assess with --labels FILE
    """
    if value is None:
        raise Missing(f"no {name}: {remedy}")
    return value
