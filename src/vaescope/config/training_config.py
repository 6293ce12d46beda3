"""Settings of training, and of which checkpoints are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from vaescope.config.section import LearningRate, Section

NEVER_NEGATIVE = ("rate", "distortion", "mutual_information", "marginal_kl", "active_units")
"""Numbers of a validation that are never negative."""


class KeepConfig(Section):
    """Which validation checkpoints to keep in addition to the last (or best): those on a Pareto front."""

    criteria: dict[str, str] = Field(
        default_factory=lambda: {"log_likelihood": "max", "marginal_kl": "min", "rate": "near"},
        description="for each number max, min, or near VALUE (near alone, for the rate: the target of the objective)",
    )
    most: int = Field(5, ge=1, description="most checkpoints to keep, at least one per criterion")

    @field_validator("criteria")
    @classmethod
    def _possible(cls, criteria: dict[str, str]) -> dict[str, str]:
        for name, aim in criteria.items():
            if name in NEVER_NEGATIVE and aim.split()[:1] == ["near"] and aim.split()[1:2] and aim.split()[1][0] == "-":
                raise ValueError(f"{name}: '{aim}': {name} is never negative; give near a value of at least 0")
        return criteria


class TrainingConfig(Section):
    """The training loop."""

    steps: int = Field(5_000, ge=1, le=10**9, description="optimiser steps")
    batch_size: int = Field(32, ge=1, description="texts per optimiser step, over all processes")
    first_text: int = Field(0, ge=0, description="start here in the shuffled texts; a later stage reads new ones")
    accumulate: int = Field(1, ge=1, description="micro-batches per optimiser step and process")
    group_tokens: int = Field(4_096, ge=1, description="token budget of one forward pass over texts of similar length")
    samples: int = Field(1, ge=1, le=10_000, description="posterior samples per text")
    learning_rate: LearningRate = 5e-4
    learning_rates: dict[str, LearningRate] = Field({}, description="learning rates of single parts")
    warmup: float = Field(0.05, ge=0, le=1, description="share of the steps with a rising learning rate")
    schedule: Literal["constant", "linear", "cosine"] = Field("linear", description="after the warm-up")
    weight_decay: float = Field(0.01, ge=0, le=100)
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: bf16 if it is fast on this hardware")
    gradient_checkpointing: bool = Field(
        False, description="recompute the decoder's activations in the backward pass: less memory, more time"
    )
    validate_every: int = Field(500, ge=1, description="optimiser steps between validations")
    validation_texts: int = Field(512, ge=1, description="texts of the fixed validation subset")
    patience: int | None = Field(None, ge=1, description="stop after this many validations without improvement")
    until: dict[str, str] = Field(
        default_factory=dict,
        description='stop at the first validation that meets these conditions, for instance {latent_use: ">= 10"}',
    )
    keep: KeepConfig | None = Field(
        None, description="keep the models of the Pareto front of validations; {} for the default criteria"
    )
    snapshots: list[Annotated[int, Field(ge=0)]] = Field(
        default_factory=list, description="steps at which q(z|x) of the validation texts is saved; 0 is the start"
    )
    save_every: int = Field(500, ge=1, description="optimiser steps between checkpoints")
    log_every: int = Field(20, ge=1, description="optimiser steps between lines of metrics.jsonl")
    tracker: Literal["tensorboard", "wandb", "mlflow", "none"] = "tensorboard"
