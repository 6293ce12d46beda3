"""Evidence: the only input of a diagnostic."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from vaescope.errors import Missing, UserError
from vaescope.evidence import file
from vaescope.evidence.aggregate_posterior import AggregatePosterior
from vaescope.evidence.draws import Draws
from vaescope.evidence.experiments import Experiments
from vaescope.evidence.facts import Facts
from vaescope.evidence.information_ends import InformationEnds
from vaescope.evidence.named_parts import flatten, restore
from vaescope.evidence.references import NAMES, References
from vaescope.evidence.simulations import Simulations

T = TypeVar("T")

PER_TEXT = ("strings", "labels", "recovered", "recovered_words")
"""Facts that a file has among its metadata, one for each text; an assessment does not repeat them."""


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
        facts = Facts.of(draws.metadata)
        if not set(PER_TEXT) & set(draws.metadata):
            return cls(draws, facts=facts)
        metadata = {name: value for name, value in draws.metadata.items() if name not in PER_TEXT}
        return cls(replace(draws, metadata=metadata), facts=facts)

    def save(self, path: Path | str) -> None:
        """Write all of it to one safetensors file: the sweep as ``Draws.save``, parts by dotted names, facts as JSON.

        For instance the tensors ``z`` and ``simulations.z``, and the metadata ``strings`` and ``simulations.strings``.
        """
        flat: dict[str, Any] = {}
        records = {"simulations": self.simulations, "experiments": self.experiments}
        for part, record in (records | {"log_densities": self.references.log_densities}).items():
            if record is not None and record != {}:
                flat |= flatten(record, part)
        tensors = {name: value for name, value in flat.items() if isinstance(value, Tensor)}
        values = {name: value for name, value in flat.items() if name not in tensors}
        metadata = self.draws.metadata | self.facts.as_metadata() | values
        file.write(Path(path), {**self.draws.tensors(), **self.references.tensors(), **tensors}, metadata)

    @classmethod
    def load(cls, path: Path | str) -> Evidence:
        """Read what ``save`` wrote, or a file of draws from any other program.

        Raises:
            UserError: what ``Draws.load`` refuses, or a part with an unknown or a missing name.

        >>> import tempfile
        >>> from vaescope.evidence.linear_gaussian import LinearGaussian
        >>> vae = LinearGaussian.matched(latent_size=1, data_size=2, rate=1.0)
        >>> evidence = Evidence(Draws(**vae.sample_draws(3)), facts=Facts(strings=["a", "b", "c"]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     evidence.save(f"{folder}/mine.safetensors")
        ...     Evidence.load(f"{folder}/mine.safetensors").strings
        ['a', 'b', 'c']
        """
        tensors, metadata = file.read(Path(path))
        found = cls.of(Draws.of(tensors, metadata, str(path)).validate())
        references = References.of({name: tensors[name] for name in NAMES if name in tensors})
        fitted = {k.partition(".")[2]: v for k, v in tensors.items() if k.startswith("log_densities.")}
        references = replace(references, log_densities=fitted)
        parts: dict[str, Any] = {}
        for part, kind in {"simulations": Simulations, "experiments": Experiments}.items():
            flat = {name: v for name, v in {**metadata, **tensors}.items() if name.startswith(f"{part}.")}
            if flat:
                try:
                    parts[part] = restore(kind, flat, part)
                except UserError as error:
                    raise UserError(f"{path}: {error}") from error
        return replace(found, references=references, **parts).validate()

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
        if self.simulations is not None:
            self.simulations.check(self.draws)
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
