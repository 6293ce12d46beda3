"""A run assessed: its file for each split, and whether what lies there is still true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vaescope.assessment.assess import Assessment
from vaescope.config import AssessmentConfig, RunConfig
from vaescope.model.checkpoints.card import refresh_card
from vaescope.study.examine import Examined


def assessment_name(split: str, checkpoint: str = "model") -> str:
    """Return the name of the assessment of a split, without its ending.

    >>> assessment_name("valid"), assessment_name("test"), assessment_name("test", "pareto/step-500")
    ('assessment', 'assessment-test', 'assessment-step-500-test')
    """
    base = "assessment" if checkpoint == "model" else f"assessment-{Path(checkpoint).name}"
    return base if split == "valid" else f"{base}-{split}"


def assess_and_save(run: Examined, split: str, **options: Any) -> tuple[Assessment, Path]:
    """Assess a run on a split with the options of ``Examined.assess``; return the assessment and its file.

    The card of the final model then says what was found.
    """
    assessment = run.assess(split, **options)
    path = assessment.save(run.folder.path, name=assessment_name(split, run.checkpoint))
    if run.checkpoint == "model":
        refresh_card(run.folder.path)
    return assessment, path


def splits_to_assess(config: RunConfig, control: Path | None = None) -> list[str]:
    """Return the splits of a run that are not assessed with its settings since its model, or the control's, was made.

    Args:
        config: the configuration of the run.
        control: the folder of the language model that it is assessed beside.
    """
    models = [folder / "model" / "config.json" for folder in (config.out, control) if folder is not None]
    if not all(model.exists() for model in models):
        return list(config.assessment.splits)
    since = max(model.stat().st_mtime for model in models)
    return [split for split in config.assessment.splits if not _is_true(config, split, control, since)]


def _is_true(config: RunConfig, split: str, control: Path | None, since: float) -> bool:
    name = assessment_name(split)
    file, texts = config.out / f"{name}.json", config.out / f"{name}-texts.safetensors"
    if not (file.exists() and texts.exists() and file.stat().st_mtime >= since):
        return False
    try:
        metadata: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["metadata"]
        made = AssessmentConfig.model_validate(metadata["config"]["assessment"])
    except (ValueError, KeyError, TypeError):
        # half written, or by another version
        return False
    beside = metadata.get("control")
    same_control = (None if beside is None else Path(beside).name) == (None if control is None else control.name)
    return same_control and _settings(made) == _settings(config.assessment)


def _settings(config: AssessmentConfig) -> dict[str, Any]:
    """What changes the numbers of an assessment."""
    return config.model_dump(exclude={"splits", "at_validation"})
