"""Assess a run on a split: its evidence, the findings of its numbers and those of its training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vaescope.assessment.assess import assess
from vaescope.assessment.assessment import Assessment
from vaescope.assessment.findings import worst_first
from vaescope.assessment.remedies import advised
from vaescope.checks import first_mistake
from vaescope.config import AssessmentConfig
from vaescope.examine.collect_evidence import collect_evidence
from vaescope.examine.examined_run import Examined
from vaescope.examine.training_record import training_findings
from vaescope.sweep.scoring import Progress


def assess_run(
    run: Examined,
    split: str,
    *,
    suite: str | None = None,
    samples: int | None = None,
    texts: int | None = None,
    labels: str | Path | None = None,
    components: int | str | None = None,
    control: Examined | None = None,
    progress: Progress | None = None,
) -> Assessment:
    """Return the assessment of a run on a split; options default to its configuration.

    Args:
        run: a trained run.
        split: ``train``, ``valid`` or ``test``.
        suite: ``fast``, or ``full``, which also draws texts from the model.
        samples: posterior samples per text.
        texts: assess only this many, the first.
        labels: a file with one label per text of the split, or the name of a kind of label of the corpus; by
            default all labels of the corpus, or the causes of a built-in one.
        components: a number of further held-out texts, or a file of them: components of q(z) that are only encoded;
            by default as ``further_texts`` says, and with 0 none.
        control: the run of a language model on the same texts: the baseline of distortion and of drawn texts.
        progress: called with the number of texts done.
    """
    options = {"suite": suite, "samples": samples, "texts": texts, "components": components}
    given = {name: value for name, value in options.items() if value is not None}
    settings = _with(run.config.assessment, given)
    place = None if labels is None else Path(labels)
    evidence = collect_evidence(run, split, settings, labels=place, control=control, progress=progress)
    found = assess(evidence, suite=settings.suite, also=settings.diagnostics, thresholds=settings.thresholds)
    trained = advised(training_findings(run.folder, run.checkpoint), found.estimates, found.metadata)
    return replace(found, findings=worst_first([*found.findings, *trained]))


def _with(settings: AssessmentConfig, given: dict[str, Any]) -> AssessmentConfig:
    """Return settings with others in place, checked like those of a configuration."""
    try:
        return AssessmentConfig.model_validate(settings.model_dump() | given)
    except ValidationError as error:
        raise first_mistake(error, "assess", AssessmentConfig) from error
