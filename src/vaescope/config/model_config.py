"""Settings of the latent variable model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from vaescope.config.section import Section


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
