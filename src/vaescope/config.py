"""The configuration of a run: one pydantic section per stage; unknown keys are refused with a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from vaescope.checks import first_mistake
from vaescope.errors import UserError
from vaescope.section import Section, Seed, Size, UsablePath
from vaescope.yaml_file import apply_override, read_yaml

USED_BY: dict[str, tuple[str, ...]] = {
    "options": ("known",),
    "sizes": ("known",),
    "subset": ("hub",),
    "column": ("path", "hub"),
    "label": ("path", "hub"),
    "delimiter": ("path",),
    "fractions": ("path", "hub"),
}
"""Settings of the data that only some sources use."""


class DataConfig(Section):
    """Where the texts come from: exactly one of ``known``, ``path``, ``hub`` and ``world``."""

    known: str | None = Field(None, description="a built-in corpus with exact truth, for instance topic_pcfg")
    path: Path | None = Field(None, description="a folder with train/valid/test files, or one file")
    hub: str | None = Field(None, description="a data set of the Hugging Face hub, or a local folder of one")
    world: Path | None = Field(None, description="a folder of texts drawn from a language model by vaescope world")
    options: dict[str, Any] = Field(default_factory=dict, description="options of the built-in corpus")
    subset: str | None = Field(None, description="configuration name of the hub data set")
    column: str = Field("text", description="the column with the text in CSV, JSON, Parquet and hub data")
    label: str | list[str] | None = Field(None, description="a column with a label of each text, or several")
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="column separator of a CSV file; detected by default"
    )
    sizes: tuple[Size, Size, Size] = Field(
        (20_000, 2_000, 2_000), description="texts per split (train, valid, test) of a built-in corpus"
    )
    fractions: tuple[float, float] = Field(
        (0.1, 0.1), description="shares for valid and test if the source has only one split"
    )
    max_length: int = Field(64, ge=4, le=100_000, description="longest text in tokens, BOS and EOS included")
    too_long: Literal["truncate", "drop", "error"] = Field(
        "truncate", description="what to do with longer texts; their number is always reported"
    )
    seed: Seed = Field(0, description="seed of a built-in corpus and of a split of one file")

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns with labels."""
        return (self.label,) if isinstance(self.label, str) else tuple(self.label or ())

    @model_validator(mode="after")
    def _one_source(self) -> DataConfig:
        given = [name for name in ("known", "path", "hub", "world") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of known, path, hub and world (given: {', '.join(given) or 'none'})")
        for name, sources in USED_BY.items():
            if given[0] not in sources and getattr(self, name) != type(self).model_fields[name].get_default(
                call_default_factory=True
            ):
                raise ValueError(f"{name} has no effect with data.{given[0]}; leave it out")
        return self


class TokenizerConfig(Section):
    """A saved tokenizer, or a byte-level BPE trained on the training texts."""

    path: str | None = Field(None, description="a folder or hub name; by default that of the decoder checkpoint")
    vocab_size: int = Field(8_000, ge=261, le=2_000_000, description="tokens of a BPE trained on the corpus")


class ModelConfig(Section):
    """The latent variable model: encoder, decoder, and how z reaches the decoder."""

    encoder: str | dict[str, Any] = Field(
        default_factory=lambda: {
            "model_type": "roberta",
            "hidden_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 512,
        },
        description="a checkpoint (folder or hub name), or the settings of a new model (model_type, sizes)",
    )
    decoder: str | dict[str, Any] | None = Field(None, description="likewise; by default the encoder's, made causal")
    latent_size: int = Field(32, ge=1, le=1_000_000, description="latent units D")
    injection: str | dict[str, Any] = Field("memory+embedding", description="how z reaches the decoder")
    pooling: Literal["first_last", "first", "last", "mean"] = Field("first_last", description="what q(z|x) reads")
    prior: str | dict[str, Any] = Field("standard", description="p(z)")
    posterior: str | dict[str, Any] = Field("gaussian", description="form of q(z|x)")
    tie: bool = Field(True, description="share encoder and decoder parameters if the architectures allow it")
    word_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of the decoder's input tokens dropped in training; BOS is never dropped"
    )
    encoder_tokenizer: str | None = Field(None, description="by default the encoder checkpoint's, or the decoder's")
    freeze: Literal["none", "encoder", "posterior", "decoder", "both"] = Field(
        "none", description="networks that are not trained; posterior is the encoder with its head, all of q(z|x)"
    )
    lora: dict[str, Any] | None = Field(
        None,
        description="low-rank adapter of the decoder: {rank: 8, alpha: 16, dropout: 0.0, targets: [q_proj, ...]}",
    )
    init_from: str | None = Field(None, description="a run or model folder whose weights initialise the model")
    init_parts: list[Literal["encoder", "decoder", "injections", "prior"]] = Field(
        default=["encoder", "decoder", "injections", "prior"],
        min_length=1,
        description="with init_from: the parts to initialise; encoder includes its posterior head",
    )

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, given: Any) -> Any:
        """Read the configuration of a run of version 0.1, which had ``reset_decoder`` in place of ``init_parts``."""
        if not isinstance(given, dict) or not isinstance(given.get("reset_decoder"), bool):
            return given
        kept = {key: value for key, value in given.items() if key != "reset_decoder"}
        return kept | ({"init_parts": ["encoder", "prior"]} if given["reset_decoder"] else {})

    @property
    def is_language_model(self) -> bool:
        """Whether there is no latent: the injection is ``none`` or ``{none: {}}``."""
        return "none" in (self.injection.split("+") if isinstance(self.injection, str) else self.injection)


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
    learning_rate: float = Field(5e-4, gt=0)
    learning_rates: dict[str, Annotated[float, Field(gt=0)]] = Field({}, description="learning rates of single parts")
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
    tracker: Literal["tensorboard", "wandb", "none"] = "tensorboard"


class AssessmentConfig(Section):
    """The assessment of a trained model."""

    splits: list[Literal["train", "valid", "test"]] = Field(default=["valid"], min_length=1)
    samples: int = Field(64, ge=1, le=1_000_000, description="posterior samples S per text of the likelihood bound")
    texts: int | None = Field(None, ge=2, description="assess only this many texts, the first of the split")
    group_tokens: int = Field(8_192, ge=1, description="token budget of one decoder pass")
    precision: Literal["fp32", "bf16"] = "fp32"
    suite: Literal["fast", "full"] = Field("fast", description="full also draws texts and runs experiments on a few")
    simulations: int = Field(500, ge=64, le=1_000_000, description="full: texts drawn from the model")
    adapted_texts: int = Field(
        128, ge=2, description="full: texts whose log-likelihood uses a proposal fitted to each text"
    )
    panel_texts: int = Field(32, ge=2, description="full: texts of the experiments")
    training_texts: int = Field(
        50_000, ge=0, description="training texts whose encodings give a density to bound the information; 0: none"
    )
    components: str | None = Field(
        None, description="further texts as components of q(z): a number, all, or a file; by default 10 per text"
    )
    text_space_texts: int = Field(
        128, ge=0, description="full, if P(x) is known: draw texts at the z of this many texts, to bound q(z); 0: none"
    )
    text_space_drawn: int = Field(128, ge=1, description="full, if P(x) is known: texts drawn at each z")
    annealing_steps: int = Field(0, ge=0, le=1_000_000, description="full: annealed importance sampling steps; 0: none")
    at_validation: bool = Field(True, description="log the fast suite, with few samples, at every validation")
    diagnostics: list[str] = Field(
        default_factory=list, description="diagnostics in addition to those of the suite: names, or module:Class"
    )
    thresholds: dict[str, float] = Field(default_factory=dict, description="thresholds of findings to override")


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
