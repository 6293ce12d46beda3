"""Keeper: keeps the models on the Pareto front of all validations, as folders of the run."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaescope import choices
from vaescope.checks import fits
from vaescope.config import KeepConfig
from vaescope.errors import UserError, unknown
from vaescope.objectives.objective import Objective
from vaescope.reading import read_json
from vaescope.runs.pareto import Criterion, Front, Point
from vaescope.writing import write_json

log = logging.getLogger("vaescope")

FOLDER = "pareto"
OF_TEXTS = ("log_likelihood", "elbo", "distortion", "objective", "perplexity", "bits_per_byte")
"""Criteria that apply to a model without a latent."""


class Keeper:
    """Save the model of a validation on the front as ``RUN/pareto/step-N`` and delete those that are no longer on it.

    ``RUN/pareto/front.json`` lists them with their criteria, and the criteria that were dropped with the reason: the
    first validation does not have it, it is about z and there is no z, or ``near`` has no target. A folder stays until
    a checkpoint without it is written, so a run that resumes from its last checkpoint finds every model that was on the
    front then; between checkpoints there are up to twice as many.

    Args:
        folder: the run folder.
        front: the criteria and how many to keep; without criteria it keeps nothing.
        dropped: the criteria that are left out, with the reasons.
        save: writes the model, as it is now, to a folder of the run by its name.
    """

    def __init__(self, folder: Path, front: Front, dropped: dict[str, str], save: Callable[[str], None]) -> None:
        self.folder = folder / FOLDER
        self.front, self.dropped = front, dropped
        self.settled = False
        self._save = save
        self._on_checkpoint: set[int] = set()

    def offer(self, step: int, found: Mapping[str, Any], warnings: list[str]) -> None:
        """Read a validation: ``found`` has the criteria by name, ``warnings`` the constraints that are not met."""
        if not self.settled:
            self._drop({name: "the validation does not have it" for name in self.front.criteria if name not in found})
            self.settled = True
        values = {name: found.get(name) for name in self.front.criteria}
        if not values:
            return
        lacking = [name for name, value in values.items() if value is None or not math.isfinite(value)]
        if lacking:
            log.warning("%s: step %d is not kept: it has no finite %s", self.folder, step, ", ".join(lacking))
            return
        before = self.front
        self.front = before.insert(Point(step, {name: float(found[name]) for name in values}, tuple(warnings)))
        if any(point.step == step for point in self.front.points):
            self._save(f"{FOLDER}/step-{step}")
        if self.front is not before:
            self._write()

    def checkpointed(self) -> None:
        """Call after writing a checkpoint: keep the models on its front and delete the rest."""
        self._on_checkpoint = self._steps()
        self._write()

    def state_dict(self) -> dict[str, Any]:
        """Return what to save."""
        return {"points": self.front.state_dict(), "dropped": dict(self.dropped), "settled": self.settled}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what was saved."""
        self._drop(state["dropped"])
        self.front, self.settled = self.front.with_state(state["points"]), state["settled"]

    def _drop(self, reasons: dict[str, str]) -> None:
        new = {name: reason for name, reason in reasons.items() if name in self.front.criteria}
        self.dropped = {**self.dropped, **new}
        kept = {name: c for name, c in self.front.criteria.items() if name not in new}
        self.front = replace(self.front, criteria=kept)
        _tell(self.folder, new, kept)

    def _steps(self) -> set[int]:
        return {point.step for point in self.front.points}

    def _write(self) -> None:
        """Write the front to the folder, and remove models that neither it nor the last checkpoint needs."""
        if not self.front.criteria and not self.dropped:
            return
        self.folder.mkdir(exist_ok=True)
        content = {
            "criteria": {name: str(criterion) for name, criterion in self.front.criteria.items()},
            "most": self.front.most,
            "dropped": self.dropped,
            "points": self.front.state_dict(),
        }
        write_json(self.folder / "front.json", content)
        needed = {f"step-{step}" for step in self._steps() | self._on_checkpoint}
        for child in self.folder.iterdir():
            if child.is_dir() and child.name not in needed:
                shutil.rmtree(child)


def build_keeper(
    config: KeepConfig | None, objective: Objective, folder: Path, *, latent: bool, save: Callable[[str], None]
) -> Keeper:
    """Return the keeper of a run; without a configuration, one that keeps nothing.

    Raises:
        UserError: a name that is neither a term of the objective nor a diagnostic, an invalid aim, too few places.
    """
    config = config or KeepConfig(criteria={})
    known = {*objective.terms, *choices.names("diagnostics"), "elbo", "objective"}
    criteria, dropped = {}, {}
    for name, text in config.criteria.items():
        if name not in known:
            raise unknown("criterion of training.keep", name, known)
        criterion = Criterion.parse(name, text)
        if criterion == Criterion("near") and name == "rate":
            criterion = Criterion("near", objective.target_rate)
        if not latent and name not in OF_TEXTS:
            dropped[name] = "a language model has no latent"
        elif criterion == Criterion("near"):
            dropped[name] = "near needs a value (near 8): the objective has no target for it"
        else:
            criteria[name] = criterion
    _tell(folder / FOLDER, dropped, criteria)
    return Keeper(folder, Front(criteria, config.most), dropped, save)


def _tell(folder: Path, dropped: Mapping[str, str], kept: Mapping[str, Criterion]) -> None:
    for name, reason in dropped.items():
        log.warning("%s: the criterion %s is dropped: %s", folder, name, reason)
    if dropped and not kept:
        log.warning("%s: no criterion is left, so nothing is kept", folder)


def read_front(run: Path) -> tuple[Front, dict[str, str]]:
    """Return the front of a run, finished or not, and the dropped criteria with the reasons.

    Raises:
        UserError: the run keeps none.
    """
    file = run / FOLDER / "front.json"
    if not file.exists():
        raise UserError(f"{run}: no kept checkpoints; train with training.keep, for instance training.keep={{}}")
    try:
        content = read_json(file)
        criteria = {name: Criterion.parse(name, text) for name, text in content["criteria"].items()}
        if not fits(content["most"], int) or not fits(content["dropped"], dict[str, str]):
            raise ValueError("other values than are written")
        return Front(criteria, content["most"]).with_state(content["points"]), dict(content["dropped"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: damaged; resuming the run writes it again") from error


def kept_point(run: Path, name: str) -> Point | None:
    """Return the validation of a checkpoint such as ``pareto/step-500``; None if it was not kept."""
    if not name.startswith(f"{FOLDER}/"):
        return None
    front, _ = read_front(run)
    return next((point for point in front.points if name == f"{FOLDER}/step-{point.step}"), None)


def select(run: Path | str, rule: str) -> str:
    """Return the name of the kept checkpoint that a rule chooses, for instance ``pareto/step-500``.

    Args:
        run: the run folder.
        rule: ``best-CRITERION``: the best value of that criterion over all validations; ties go to the earliest.

    Raises:
        UserError: no kept checkpoints, or another rule.
    """
    front, _ = read_front(Path(run))
    rules = {f"best-{name}".replace("_", "-"): name for name in front.criteria}
    name = rules.get(rule.replace("_", "-"))
    if name is None:
        raise unknown("rule", rule, rules)
    if not front.points:
        raise UserError(f"{run}: no checkpoint is kept yet; the first comes with the first validation")
    return f"{FOLDER}/step-{front.best(name).step}"
