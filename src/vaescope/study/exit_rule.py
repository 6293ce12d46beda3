"""Exit rule: the numbers that a stage must reach before the next one starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaescope import choices
from vaescope.config import RunConfig
from vaescope.errors import UserError, unknown
from vaescope.objectives.objective import build_objective
from vaescope.runs.run_folder import RunFolder
from vaescope.training.goal import parse_conditions, unmet

SAVED = "distortion_saved"
"""The distortion of the control minus that of the stage, on the same validation texts."""

IMPROVEMENT = "last_improvement"
"""How far the distortion fell between the last two validations: small where the stage has learnt what it can."""


def check_exit_rule(rule: Mapping[str, str], where: str) -> None:
    """Check the form of a rule.

    Raises:
        UserError: a condition that is not ``>= NUMBER`` or ``<= NUMBER``.
    """
    parse_conditions(rule, where)


def check_names(rule: Mapping[str, str], config: RunConfig, control: RunConfig | None, where: str) -> None:
    """Check that the validations of a stage will have the numbers of its rule.

    Raises:
        UserError: a name that no validation has, or one that needs a control or an assessment that is not there.
    """
    logged = [*build_objective(config.objective).terms, "elbo", "objective", IMPROVEMENT]
    assessed = choices.names("diagnostics")
    for name in rule:
        if name == SAVED:
            _check_control(config, control, where)
        elif name in logged:
            continue
        elif name not in assessed:
            raise UserError(f"{where}: {unknown('number of a validation', name, [*logged, *assessed, SAVED])}")
        elif not config.assessment.at_validation:
            raise UserError(f"{where}: {name} needs assessment.at_validation: true")


def _check_control(config: RunConfig, control: RunConfig | None, where: str) -> None:
    if control is None:
        raise UserError(f"{where}: {SAVED} needs a control, the stage that is a language model")
    for section, key in (("data", None), ("training", "validation_texts")):
        ours, theirs = getattr(config, section), getattr(control, section)
        if (ours != theirs) if key is None else (getattr(ours, key) != getattr(theirs, key)):
            name = section if key is None else f"{section}.{key}"
            raise UserError(f"{where}: {SAVED} needs the same validation texts as the control: {name} differs")


def missed_rule(rule: Mapping[str, str], run: Path, control: Path | None) -> str:
    """Return in a sentence what a finished run has not reached; empty if its rule is met.

    Args:
        rule: the conditions.
        run: its folder.
        control: the folder of the language model, for ``distortion_saved``.
    """
    if not rule:
        return ""
    values, flags = exit_numbers(run, control)
    missed = unmet(parse_conditions(rule, "exit"), values, f"{run.name}: exit")
    if not missed:
        return ""
    said = f" Its last validation says: {'; '.join(flags)}." if flags else ""
    return (
        f"{run.name} missed its exit rule at step {values['step']}: {', '.join(missed)}.{said} Train it longer or with "
        "other settings in another out=FOLDER, or change the rule (stages.NAME.exit) to go on from here"
    )


def exit_numbers(run: Path, control: Path | None) -> tuple[dict[str, Any], Sequence[str]]:
    """Return the numbers of the validation of a run's weights, and the red flags of that validation."""
    lines, step = _validations(run)
    values, flags = dict(lines[-1]), []
    for line in RunFolder(run).metrics("assessment"):
        if line["step"] == step:
            values, flags = line | values, line.get("red_flags", [])
    if len(lines) > 1:
        values[IMPROVEMENT] = lines[-2]["distortion"] - lines[-1]["distortion"]
    if control is not None:
        values[SAVED] = _validations(control)[0][-1]["distortion"] - values["distortion"]
    return values, flags


def _validations(run: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the validations of a run up to that of its weights, and the step of these."""
    folder = RunFolder(run)
    lines = folder.metrics("validation")
    if not lines:
        raise UserError(f"{run}: no validation is logged, so no exit rule can be judged; train it again")
    step = lines[-1]["step"] if folder.config.training.patience is None else lines[-1]["best_step"]
    return [line for line in lines if line["step"] <= step], step
