"""The runs of a comparison: found, read, and checked to be about the same texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vaescope.assessment.assessment import Assessment
from vaescope.errors import UserError
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.per_text import PerText
from vaescope.objectives.describe import describe, family, label, target_rate
from vaescope.plotting import look
from vaescope.report import tables
from vaescope.report.splits import inside, is_run, there_are
from vaescope.runs.assessments import assessment_name
from vaescope.runs.pareto import dominates
from vaescope.runs.run_folder import RunFolder
from vaescope.runs.shown_texts import ShownTexts

LANGUAGE_MODEL = "language_model"
COMMON = ("vae", "mdr", "free_bits", "beta_vae", "information_floor", "marginal_cap", "geco", "cyclical")
"""Families whose colour and marker are the same on every page."""

FAR = 3.0
"""A rate above this many times the upper quartile of the rates is named at the edge of a figure instead of drawn."""


@dataclass(frozen=True, eq=False)
class Run:
    """A run as a comparison sees it: no model, only what its folder says.

    Attributes:
        name: what it is called on the page.
        path: its folder.
        assessment: that of the split.
        metrics: the lines that training logged.
        written: texts that its model wrote when it was assessed, or None.
    """

    name: str
    path: Path
    assessment: Assessment
    metrics: list[dict[str, Any]] = field(default_factory=list, repr=False)
    written: ShownTexts | None = field(default=None, repr=False)

    @property
    def objective(self) -> str | dict[str, Any] | None:
        """The objective as configured; None for draws that came from elsewhere."""
        return self.config.get("objective")

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, empty for draws that came from elsewhere."""
        return self.assessment.metadata.get("config") or {}

    @property
    def seed(self) -> int | None:
        """The seed of the run."""
        return self.config.get("seed")

    @property
    def family(self) -> str:
        """What runs have in common that differ in numbers of the objective, or in the seed."""
        return self.name if self.objective is None else family(self.objective)

    @property
    def label(self) -> str:
        """The objective with its options."""
        return self.name if self.objective is None else label(self.objective)

    @property
    def description(self) -> str:
        """The objective in a sentence."""
        return "" if self.objective is None else describe(self.objective)

    @cached_property
    def target(self) -> float | None:
        """The rate that the objective aims at, in nats per text; None where the objective cannot be built here."""
        try:
            return None if self.objective is None else target_rate(self.objective)
        except UserError:
            # a term of a plugin that is not installed, or a run of another version
            return None

    @property
    def is_language_model(self) -> bool:
        """Whether there is no z."""
        return self.family == LANGUAGE_MODEL

    @property
    def uses_latent(self) -> bool:
        """Whether there is a z that carries something."""
        return not self.is_language_model and not self.assessment.collapsed

    @property
    def per_text(self) -> PerText | None:
        """The numbers of each text, where they were kept."""
        return self.assessment.per_text

    def estimate(self, name: str) -> Estimate | None:
        """Return an estimate by name, or None."""
        return self.assessment.estimates.get(name)

    @property
    def rate(self) -> float:
        """The rate in nats per text."""
        return self.assessment.estimates["rate"].value


@dataclass(frozen=True)
class Comparison:
    """Runs about the same texts, language models first, then by family, target, seed.

    Attributes:
        runs: at least one.
        split: the split that they were assessed on.
        notes: what a reader must know about what is missing or not comparable.
    """

    runs: list[Run]
    split: str
    notes: list[str] = field(default_factory=list)

    @cached_property
    def looks(self) -> dict[str, tuple[str, str]]:
        """Colour and marker of each family with a z: a common family has its own on every page."""
        families = sorted({run.family for run in self.latent})
        places = {name: COMMON.index(name) for name in families if name in COMMON}
        free = (place for place in range(len(families) + len(COMMON)) if place not in places.values())
        return {name: look(places[name] if name in places else next(free)) for name in families}

    @property
    def latent(self) -> list[Run]:
        """The runs with a z."""
        return [run for run in self.runs if not run.is_language_model]

    @cached_property
    def drawn(self) -> list[Run]:
        """The runs with a z whose rate is close enough to the others to be drawn with them."""
        used = [run.rate for run in self.latent if run.uses_latent]
        if len(used) < 4:
            return self.latent
        return [run for run in self.latent if run.rate <= FAR * np.quantile(used, 0.75)]

    @property
    def beyond(self) -> list[Run]:
        """The runs whose rate is too far off to be drawn; figures name them instead."""
        return [run for run in self.latent if run not in self.drawn]

    @cached_property
    def language_model(self) -> Run | None:
        """The language model; the one with the highest likelihood if there are several."""
        models = [run for run in self.runs if run.is_language_model]
        return max(models, key=lambda run: run.assessment.estimates["elbo"].value, default=None)

    @property
    def entropy(self) -> float | None:
        """The exact H(X) in nats per text, if the corpus is known."""
        return next((h for run in self.runs if (h := tables.entropy(run.assessment)) is not None), None)

    @cached_property
    def front(self) -> list[Run]:
        """The Pareto front of log-likelihood (high) and marginal KL (low); empty for fewer than two runs.

        Of the interval of the marginal KL its value counts, R - I_self, as where training keeps checkpoints: it is not
        below the truth in expectation. Models whose z carries nothing are left out: their marginal KL is 0
        by collapse.
        """
        costs = {run.name: _costs(run) for run in self.runs if run.uses_latent}
        known = {name: cost for name, cost in costs.items() if cost is not None}
        if len(known) < 2:
            return []
        best = {name for name, cost in known.items() if not any(dominates(other, cost) for other in known.values())}
        return [run for run in self.runs if run.name in best]


def read(paths: Sequence[Path], split: str) -> Comparison:
    """Read run folders, or folders of runs, assessed on ``split``.

    Raises:
        UserError: a folder that is neither, a run without an assessment of the split, or runs on different corpora.
    """
    folders, notes = _folders(paths, split)
    runs = [_read(folder, split) for folder in folders]
    if not runs:
        raise UserError("no run to compare; give run folders, or a folder of them")
    runs = sorted(_named_apart(runs), key=_order)
    comparison = Comparison(runs, split, notes + _check(runs, split))
    if comparison.beyond:
        far = ", ".join(f"{run.name} ({run.rate:.0f})" for run in comparison.beyond)
        notes = [*comparison.notes, f"In tables and CSV, not in figures over the rate, since theirs is far off: {far}."]
        comparison = replace(comparison, notes=notes)
    return comparison


def _folders(paths: Sequence[Path], split: str) -> tuple[list[Path], list[str]]:
    """Return the run folders, and a note on those of a study that are not assessed."""
    found: list[Path] = []
    notes = []
    for path in paths:
        if not path.is_dir():
            raise UserError(f"{path}: no such folder; give run folders, or a folder of them")
        if is_run(path):
            found.append(path)
            continue
        runs = inside(path)
        assessed = [folder for folder in runs if (folder / f"{assessment_name(split)}.json").exists()]
        if not assessed:
            raise UserError(
                f"{path}: no run in it is assessed on {split}{there_are(runs)}; use vaescope assess RUN --split {split}"
            )
        missing = [folder.name for folder in runs if folder not in assessed]
        if missing:
            notes.append(f"Left out, since not assessed on {split}: {', '.join(missing)}.")
        found += assessed
    return list({folder.resolve(): folder for folder in found}.values()), notes


def _read(folder: Path, split: str) -> Run:
    name = assessment_name(split)
    if not (folder / f"{name}.json").exists():
        raise UserError(
            f"{folder}: no {name}.json{there_are([folder])}; make it with vaescope assess {folder} --split {split}"
        )
    assessment = Assessment.load(folder, name=name)
    for needed in ("rate", "distortion", "elbo"):
        if needed not in assessment.estimates:
            raise UserError(f"{folder}: {name}.json has no {needed}; make it again with vaescope assess {folder}")
    written = ShownTexts.load(folder / f"{name}-texts.json")
    return Run(folder.resolve().name, folder, assessment, RunFolder(folder).metrics("train"), written)


def _named_apart(runs: list[Run]) -> list[Run]:
    """Put the parent folder before names that occur twice."""
    counts = Counter(run.name for run in runs)
    return [
        run if counts[run.name] == 1 else replace(run, name=f"{run.path.resolve().parent.name}/{run.name}")
        for run in runs
    ]


def _order(run: Run) -> tuple[Any, ...]:
    return not run.is_language_model, run.family, run.target or 0.0, run.label, run.seed or 0, run.name


def _check(runs: list[Run], split: str) -> list[str]:
    """Refuse runs on another corpus than the first, and return notes on what limits the comparison."""
    first = runs[0]
    for run in runs[1:]:
        same_texts = digest(run) and digest(run) == digest(first)
        ours, theirs = _source(run, split), _source(first, split)
        if not same_texts and ours != theirs:
            raise UserError(
                f"{run.path}: assessed on {' '.join(ours)}, but {first.path} on {' '.join(theirs)}; "
                "numbers of different texts cannot be compared"
            )
    notes = []
    sizes = sorted({run.assessment.estimates["rate"].n for run in runs})
    if len({digest(run) for run in runs if digest(run)}) > 1 or len(sizes) > 1:
        texts = "–".join(f"{n:,}" for n in (sizes[0], sizes[-1])) if len(sizes) > 1 else f"{sizes[0]:,}"
        notes.append(
            f"The runs are not all assessed on the same texts ({texts} of them): their means also differ because of "
            "the texts, and only runs on the same texts are paired."
        )
    lengths = sorted({str(run.config["data"].get("max_length")) for run in runs if run.config.get("data")})
    if len(lengths) > 1:
        notes.append(
            f"Texts are cut at different lengths ({', '.join(lengths)} tokens), which also changes the likelihoods."
        )
    without = [run.name for run in runs if run.per_text is None]
    if without:
        names = ", ".join(without)
        notes.append(f"Runs without numbers of each text are not paired: {names}; assess them again.")
    return notes


def digest(run: Run) -> str:
    """Return the digest of the texts that a run was assessed on; empty if unknown."""
    return "" if run.per_text is None else run.per_text.digest


def _source(run: Run, split: str) -> tuple[str, ...]:
    """What the texts are: the corpus, the options of one that is built in, the split."""
    metadata, data = run.assessment.metadata, run.config.get("data") or {}
    options = data.get("options") or {}
    named = [f"{name}={value}" for name, value in sorted(options.items())]
    return str(metadata.get("corpus", "an unnamed corpus")), *named, f"({metadata.get('split', split)})"


def _costs(run: Run) -> tuple[float, float] | None:
    likelihood, kl = run.estimate("log_likelihood"), run.estimate("marginal_kl")
    return None if likelihood is None or kl is None else (-likelihood.value, kl.value)
