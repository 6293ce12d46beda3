"""Plan: the runs of a study file, each with its name, its labels and its checked configuration."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from vaescope.checks import first_mistake
from vaescope.config import RunConfig, parse_config
from vaescope.config.section import Section, Seed, UsablePath
from vaescope.errors import UserError, unknown
from vaescope.objectives.objective import build_objective
from vaescope.study.exit_rule import check_names
from vaescope.study.run_names import joined, labelled_values, run_name
from vaescope.study.stages import Stage, stage_settings
from vaescope.writing import write_text
from vaescope.yaml_file import apply_override, read_yaml, set_key

FILE = "study.yaml"
"""The resolved study in the folder of its runs: a study file that refers to no other file."""

MOST_RUNS = 10_000
"""Largest number of runs of a study: each has a folder, and all are checked before the first one starts."""


class StudyConfig(Section):
    """Many runs: a shared configuration, a grid over any of its keys or stages in a row, and seeds."""

    base: Path | dict[str, Any] = Field(description="what all runs share: a configuration file, or its content")
    grid: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="for each key {label: value}, or a list of plain values"
    )
    stages: dict[str, Stage] = Field(
        default_factory=dict, description="in place of a grid: {NAME: {after: NAME, take: [PART], set: {KEY: value}}}"
    )
    seeds: list[Seed] = Field(default=[0], min_length=1)
    control: str | None = Field(
        None, description="label or name (without seed) of the language model that the other runs are assessed against"
    )
    out: UsablePath = Field(Path("runs/study"), description="the folder of the run folders")

    @field_validator("grid", mode="before")
    @classmethod
    def _labelled(cls, grid: Any) -> Any:
        if not isinstance(grid, dict):
            return grid
        if not grid:
            raise ValueError("no key; give at least one key of the configuration with its values")
        return {str(key): labelled_values(str(key), values) for key, values in grid.items()}

    @model_validator(mode="after")
    def _one_plan(self) -> StudyConfig:
        if bool(self.grid) == bool(self.stages):
            raise ValueError("give either a grid or stages")
        return self

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"a seed appears twice in {seeds}")
        return seeds


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study.

    Attributes:
        name: the labels of the axes and the seed, ``mdr-8_seed0``; also the name of its folder.
        labels: the label on each axis.
        seed: its seed.
        config: its whole configuration.
        control: the name of the language model that it is assessed against; None for a control and without a control.
        after: in a study of stages, the name of the run whose weights it starts from.
        exit: the exit rule of a stage, see ``exit_rule``.
        refit: the families of priors of a stage that fits a prior; empty for a stage that trains.
    """

    name: str
    labels: dict[str, str]
    seed: int
    config: RunConfig
    control: str | None = None
    after: str | None = None
    exit: dict[str, str] = field(default_factory=dict)
    refit: tuple[str, ...] = ()

    @property
    def needs(self) -> list[str]:
        """The names of the runs that must end before it can start."""
        return [name for name in (self.control, self.after) if name is not None]


@dataclass(frozen=True)
class Plan:
    """A study whose runs are known, the controls first.

    Attributes:
        study: the study, with the content of its base.
        runs: the product of the axes and the seeds.
    """

    study: StudyConfig
    runs: list[PlannedRun]

    def named(self, name: str) -> PlannedRun:
        """Return a run by its name.

        Raises:
            UserError: no run has that name; the message suggests the nearest.
        """
        found = next((run for run in self.runs if run.name == name), None)
        if found is None:
            raise unknown("run", name, [run.name for run in self.runs])
        return found

    def folder(self, name: str) -> Path:
        """Return the folder of a run."""
        return self.study.out / name

    def save(self) -> Path:
        """Write ``OUT/study.yaml``, from which ``read_plan`` makes the same plan, and return its path."""
        self.study.out.mkdir(parents=True, exist_ok=True)
        path = self.study.out / FILE
        content = self.study.model_dump(mode="json", exclude={"grid" if self.study.stages else "stages"})
        write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        return path


def read_plan(path: Path, overrides: list[str] | None = None) -> Plan:
    """Read a study; ``run.KEY=VALUE`` sets a key of every run, ``KEY=VALUE`` one of the study.

    Raises:
        UserError: no such file, an unknown key, an empty axis, names that collide, a control that is not a
            language model of the grid, or a run whose configuration is wrong.
    """
    raw = read_yaml(path, "study")
    if not isinstance(raw, dict):
        raise UserError(f"{path}: a study is a mapping with the keys {', '.join(StudyConfig.model_fields)}")
    of_runs = [text.removeprefix("run.") for text in overrides or [] if text.startswith("run.")]
    for override in overrides or []:
        if not override.startswith("run."):
            _refuse_key_of_run(override)
            apply_override(raw, override)
    try:
        study = StudyConfig.model_validate(raw)
    except ValidationError as error:
        raise first_mistake(error, str(path), StudyConfig) from error
    base = study.base
    if isinstance(base, Path):
        try:
            base = read_yaml(path.parent / base.expanduser())
        except UserError as error:
            raise UserError(f"{path}: base: {error}") from error
    if not isinstance(base, dict):
        raise UserError(f"{path}: base: a configuration is a mapping with the sections of a run")
    _refuse_overlap(str(path), [*study.grid, *(text.partition("=")[0] for text in of_runs)])
    for override in of_runs:
        apply_override(base, override)
    study = study.model_copy(update={"base": base})
    expand = _in_a_row if study.stages else _expand
    return Plan(study, expand(study, base, str(path)))


def _in_a_row(study: StudyConfig, base: dict[str, Any], source: str) -> list[PlannedRun]:
    """Return the runs of the stages, in their order, for each seed."""
    if study.control is not None and study.control not in study.stages:
        raise UserError(f"{source}: control: {unknown('stage', study.control, study.stages)}")
    runs = []
    for seed in study.seeds:
        names = {name: run_name({"stage": name}, seed) for name in study.stages}
        folders = {name: study.out / run for name, run in names.items()}
        for name, stage in study.stages.items():
            raw = stage_settings(base, study.stages, name, folders, source)
            config = _checked(raw | {"seed": seed, "out": str(folders[name])}, f"{source}: stage {name}")
            if name == study.control and not config.is_language_model:
                raise UserError(f"{source}: control: stage {name} is not a language model")
            control = None if study.control in (None, name) else names[study.control]
            after = None if stage.after is None else names[stage.after]
            run = PlannedRun(names[name], {"stage": name}, seed, config, control, after, stage.exit)
            runs.append(replace(run, refit=tuple(stage.refit or ())))
            baseline = next((other.config for other in runs if other.name == control), None)
            check_names(stage.exit, config, baseline, f"{source}: stage {name}: exit")
    return runs


def _expand(study: StudyConfig, base: dict[str, Any], source: str) -> list[PlannedRun]:
    count = len(study.seeds) * math.prod(len(values) for values in study.grid.values())
    if count > MOST_RUNS:
        raise UserError(f"{source}: grid and seeds make {count:,} runs; give at most {MOST_RUNS:,} per study")
    control_of = _control_of(study, source)
    runs: dict[str, PlannedRun] = {}
    for seed in study.seeds:
        for combination in itertools.product(*study.grid.values()):
            labels = dict(zip(study.grid, combination, strict=True))
            name = run_name(labels, seed)
            if name in runs:
                raise UserError(f"{source}: two runs are called {name}; give them other labels")
            raw = copy.deepcopy(base)
            for key, label in labels.items():
                set_key(raw, key, copy.deepcopy(study.grid[key][label]))
            raw |= {"seed": seed, "out": str(study.out / name)}
            control = run_name(control_of(labels), seed)
            runs[name] = PlannedRun(name, labels, seed, _checked(raw, f"{source}: {name}"), control)
    if study.control is None:
        return [replace(run, control=None) for run in runs.values()]
    controls = {run.control: runs[str(run.control)] for run in runs.values()}
    for run in controls.values():
        if not run.config.is_language_model:
            raise UserError(
                f"{source}: control: {run.name} is not a language model; its objective is not language_model"
            )
    listed = [replace(run, control=None if run.name in controls else run.control) for run in runs.values()]
    return sorted(listed, key=lambda run: run.control is not None)


def _checked(raw: dict[str, Any], source: str) -> RunConfig:
    training, language_model = raw.get("training"), ("language_model", {"preset": "language_model"})
    if raw.get("objective") in language_model and isinstance(training, dict):  # snapshots are of runs with a z
        raw = raw | {"training": training | {"snapshots": []}}
    config = parse_config(raw, source=source)
    try:
        build_objective(config.objective)
    except UserError as error:
        raise UserError(f"{source}: objective: {error}") from error
    return config


def _control_of(study: StudyConfig, source: str) -> Callable[[dict[str, str]], dict[str, str]]:
    """Return a function from a run's labels to the labels of its control."""
    control = study.control
    axes = [key for key, values in study.grid.items() if control in values]
    if control is None:
        return lambda labels: labels
    if len(axes) > 1:
        raise UserError(f"{source}: control: '{control}' is a label of {' and '.join(axes)}; give the name of a run")
    if axes:
        return lambda labels: labels | {axes[0]: control}
    combinations = [dict(zip(study.grid, labels, strict=True)) for labels in itertools.product(*study.grid.values())]
    named = {joined(labels): labels for labels in combinations}
    if control not in named:
        known = [label for values in study.grid.values() for label in values]
        raise UserError(f"{source}: {unknown('control', control, known)}")
    return lambda _: named[control]


def _refuse_overlap(source: str, keys: list[str]) -> None:
    """Refuse a key that the study sets itself, or that two axes or overrides set."""
    for key in keys:
        if key.split(".")[0] in ("seed", "out"):
            raise UserError(
                f"{source}: {key}: a study gives each run its seed and folder; set seeds=[...] or out=FOLDER"
            )
    for one, other in itertools.combinations(keys, 2):
        if f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}."):
            raise UserError(f"{source}: {one} and {other} set the same key; leave one of them out")


def _refuse_key_of_run(override: str) -> None:
    key = override.partition("=")[0].split(".")[0]
    if key in RunConfig.model_fields and key not in StudyConfig.model_fields:
        raise UserError(f"'{override}': a study sets a key of its runs by run.{override}")
