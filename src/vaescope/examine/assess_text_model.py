"""Assess a model that is given by functions of strings: gather its evidence, keep it in a file, judge it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vaescope.assessment.assess import assess
from vaescope.assessment.assessment import Assessment
from vaescope.checks import first_mistake
from vaescope.config import AssessmentConfig
from vaescope.errors import UserError, unknown
from vaescope.sweep.from_transformers import FromTransformers
from vaescope.sweep.score_codes import noise_for
from vaescope.sweep.text_model import TextModel
from vaescope.sweep.text_model_evidence import evidence_of
from vaescope.writing import check_place

JUDGING = ("diagnostics", "also", "thresholds")
GATHERING = ("labels", "training_texts", "noise", "seed", "progress")
SEARCH = "noise_distortion"
SETTINGS = (
    "suite",
    "samples",
    "texts",
    "group_tokens",
    "simulations",
    "adapted_texts",
    "panel_texts",
    "annealing_steps",
)
"""Those of ``AssessmentConfig`` that concern any model."""


def assess_text_model(
    model: TextModel | FromTransformers, texts: Sequence[str], *, save: str | Path | None = None, **options: Any
) -> Assessment:
    """Return the assessment of a model on texts, by all diagnostics that its functions allow.

    Args:
        model: the model.
        texts: the texts.
        save: a file for the evidence, which ``vaescope assess --draws FILE`` reads.
        options: as of ``vaescope.assess_model``.

    Raises:
        UserError: an unknown option, or what ``evidence_of`` and ``assess`` refuse.
    """
    for name in options:
        if name not in (*JUDGING, *GATHERING, *SETTINGS, SEARCH):
            raise unknown("option", name, (*JUDGING, *GATHERING, *SETTINGS, SEARCH, "save"))
    if save is not None:
        check_place(Path(save))
    given = {"suite": "full"} | {name: options[name] for name in SETTINGS if name in options}
    try:
        settings = AssessmentConfig.model_validate(given)
    except ValidationError as error:
        raise first_mistake(error, "assess_model", AssessmentConfig) from error
    gathering = {name: options[name] for name in GATHERING if name in options}
    functions = model if isinstance(model, TextModel) else _checked(model, texts)
    if options.get(SEARCH) is not None:
        if gathering.get("noise") is not None:
            raise UserError("give one of noise and noise_distortion")
        gathering["noise"] = noise_for(functions, texts, options[SEARCH], seed=gathering.get("seed", 0))
    evidence = evidence_of(functions, texts, settings, **gathering)
    if save is not None:
        evidence.save(save)
    judging = {name: options[name] for name in JUDGING if name in options}
    return assess(evidence, suite=settings.suite, **judging)


def _checked(model: FromTransformers, texts: Sequence[str]) -> TextModel:
    if len(texts) > 0:
        model.check(texts)
    return model.text_model
