"""The configuration of a run: one section per stage; unknown keys are refused with a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from vaescope.checks import first_mistake
from vaescope.config.assessment_config import AssessmentConfig
from vaescope.config.data_config import DataConfig, TokenizerConfig
from vaescope.config.model_config import ModelConfig
from vaescope.config.section import Section, Seed, UsablePath
from vaescope.config.training_config import TrainingConfig
from vaescope.errors import UserError
from vaescope.yaml_file import apply_override, read_yaml


class RunConfig(Section):
    """A run: data, model, objective, training and assessment, and one seed for all randomness."""

    data: DataConfig
    tokenizer: TokenizerConfig = Field(default_factory=TokenizerConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    objective: str | dict[str, Any] = Field(
        "vae", description="a preset by name, a preset with options {preset: ...}, or {terms: ..., constraints: ...}"
    )
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    assessment: AssessmentConfig = Field(default_factory=AssessmentConfig)
    seed: Seed = Field(0, description="seed of all randomness except that of the data")
    out: UsablePath = Field(Path("runs/run"), description="the run folder")

    @property
    def is_language_model(self) -> bool:
        """Whether the model has no latent."""
        return self.model.is_language_model

    @model_validator(mode="after")
    def _language_model_has_no_latent(self) -> RunConfig:
        preset = self.objective if isinstance(self.objective, str) else self.objective.get("preset")
        if preset == "language_model" and "injection" not in self.model.model_fields_set:
            self.model.injection = "none"
        if (preset == "language_model") != self.is_language_model and preset is not None:
            raise ValueError(
                "a model has no latent if and only if its objective is language_model: "
                "set objective=language_model and model.injection=none together, or neither"
            )
        return self

    @model_validator(mode="after")
    def _decoder_has_its_tokenizer(self) -> RunConfig:
        decoder = self.model.encoder if self.model.decoder is None else self.model.decoder
        if isinstance(decoder, str) and self.tokenizer.path is None and self.data.world is None:
            self.tokenizer.path = decoder
        return self

    @model_validator(mode="after")
    def _snapshots_can_be_taken(self) -> RunConfig:
        steps = self.training.snapshots
        if steps and max(steps) > self.training.steps:
            raise ValueError(f"training.snapshots: step {max(steps)} is after the last, {self.training.steps}")
        if steps and self.is_language_model:
            raise ValueError("training.snapshots: a language model has no latent to take snapshots of; leave them out")
        return self


def read_config(path: Path, overrides: list[str] | None = None) -> RunConfig:
    """Read a YAML configuration and apply ``key.path=value`` overrides (values are YAML).

    Raises:
        UserError: no such file, not YAML, an unknown key (with the nearest known), or a value of the wrong type.
    """
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise UserError(f"{path}: a configuration is a mapping with the sections {', '.join(RunConfig.model_fields)}")
    for override in overrides or []:
        apply_override(raw, override)
    return parse_config(raw, source=str(path))


def parse_config(raw: dict[str, Any], *, source: str = "configuration") -> RunConfig:
    """Validate a mapping as a ``RunConfig``; the first mistake becomes a one-line ``UserError``.

    >>> parse_config({"data": {"known": "topic_pcfg"}, "trainin": {}})
    Traceback (most recent call last):
    ...
    vaescope.errors.UserError: configuration: unknown key 'trainin'; did you mean 'training'? (known: ...)
    """
    try:
        return RunConfig.model_validate(raw)
    except ValidationError as error:
        raise first_mistake(error, source, RunConfig) from error
