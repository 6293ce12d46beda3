"""Assessment files of a run, and whether they are up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaescope.assessment.assessment import Assessment
from vaescope.config import AssessmentConfig, RunConfig
from vaescope.examine.assess_run import assess_run
from vaescope.examine.examined_run import Examined
from vaescope.examine.show_texts import texts_to_show
from vaescope.model.checkpoints.card import check_card, refresh_card
from vaescope.reading import read_json
from vaescope.runs.assessments import assessment_name
from vaescope.runs.lock import one_at_a_time


def assess_and_save(run: Examined, split: str, **options: Any) -> tuple[Assessment, Path]:
    """Assess a run on a split with the options of ``assess_run``; return the assessment and its file.

    ``NAME-texts.json`` holds the texts that a page shows with the numbers; the card of the final model is updated.
    Nothing is written before everything is computed and the files that the card needs are read.

    Raises:
        UserError: a damaged file of the run, or another process that makes the same assessment.
    """
    name = assessment_name(split, run.checkpoint)
    of_final_model = run.checkpoint == "model"
    # the lock is on the figures, because other splits and kept models may be assessed at the same time
    with one_at_a_time(run.folder.path / f"{name}-figures"):
        if of_final_model:
            check_card(run.folder.path)
        assessment, shown = assess_run(run, split, **options), texts_to_show(run, split)
        path = assessment.save(run.folder.path, name=name)
        shown.save(run.folder.path / f"{name}-texts.json")
        if of_final_model:
            refresh_card(run.folder.path)
    return assessment, path


def splits_to_assess(config: RunConfig, control: Path | None = None) -> list[str]:
    """Return the splits of a run without an assessment that has its settings and is newer than its model and its
    control.

    Args:
        config: the configuration of the run.
        control: the folder of the language model that it is assessed against.
    """
    models = [folder / "model" / "config.json" for folder in (config.out, control) if folder is not None]
    if not all(model.exists() for model in models):
        return list(config.assessment.splits)
    since = max(model.stat().st_mtime for model in models)
    return [split for split in config.assessment.splits if not _is_current(config, split, control, since)]


def _is_current(config: RunConfig, split: str, control: Path | None, since: float) -> bool:
    name = assessment_name(split)
    file, texts = config.out / f"{name}.json", config.out / f"{name}-texts.safetensors"
    if not (file.exists() and texts.exists() and file.stat().st_mtime >= since):
        return False
    try:
        metadata: dict[str, Any] = read_json(file)["metadata"]
        made = AssessmentConfig.model_validate(metadata["config"]["assessment"])
    except (ValueError, KeyError, TypeError):
        # incomplete, or written by another version
        return False
    before = metadata.get("control")
    same_control = (None if before is None else Path(before).name) == (None if control is None else control.name)
    return same_control and _settings(made) == _settings(config.assessment)


def _settings(config: AssessmentConfig) -> dict[str, Any]:
    """The settings that change the numbers of an assessment."""
    return config.model_dump(exclude={"splits", "at_validation"})
