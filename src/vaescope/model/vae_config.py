"""The configuration that is saved with a TransformerVAE."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from vaescope import choices
from vaescope.config import ModelConfig
from vaescope.errors import UserError, unknown

POOLINGS = {"first_last": 2, "first": 1, "last": 1, "mean": 1}
"""Ways to pool the encoder's states, and the number of state vectors of each."""

ARCHITECTURE = ("latent_size", "injection", "pooling", "prior", "posterior", "word_dropout", "lora")
"""Settings of ``config.ModelConfig`` that are part of the architecture, with the defaults given there."""


class TransformerVAEConfig(PreTrainedConfig):
    """Architecture of a TransformerVAE: the configurations of both networks, and the latent settings.

    >>> config = TransformerVAEConfig(latent_size=8, injection="memory")
    >>> config.injections
    {'memory': {}}
    """

    model_type = "transformer_vae"
    sub_configs = {"encoder": AutoConfig, "decoder": AutoConfig}

    def __init__(
        self,
        encoder: PreTrainedConfig | dict[str, Any] | None = None,
        decoder: PreTrainedConfig | dict[str, Any] | None = None,
        tie_encoder_decoder: bool = False,
        text_length: int = 64,
        encoder_text_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.encoder = _as_config(encoder)
        self.decoder = _as_config(decoder)
        self.tie_encoder_decoder = tie_encoder_decoder
        self.text_length = text_length
        self.encoder_text_length = encoder_text_length
        for name in ARCHITECTURE:
            setattr(self, name, kwargs.pop(name, ModelConfig.model_fields[name].default))
        if self.pooling not in POOLINGS:
            raise unknown("pooling", str(self.pooling), POOLINGS)
        for token in ("bos_token_id", "eos_token_id", "pad_token_id"):
            kwargs.setdefault(token, getattr(self.decoder, token, None))
        # transformers v5: this also switches the ties that the model itself declares
        kwargs.setdefault("tie_word_embeddings", True)
        super().__init__(**kwargs)

    @property
    def injections(self) -> dict[str, dict[str, Any]]:
        """The injections by name with their options: ``memory+embedding`` or ``{memory: {slots: 2}}``."""
        injections = _named("injections", self.injection)
        if not injections:
            raise UserError("model.injection names no injection; give one, or none for a language model")
        if "none" in injections and len(injections) > 1:
            raise UserError("injection 'none' is a language model without a latent: it composes with no other")
        return injections

    @property
    def is_language_model(self) -> bool:
        """Whether there is no latent, so that the model has no encoder and z is ignored."""
        return "none" in self.injections

    @property
    def tied(self) -> bool:
        """Whether the encoder's parameters are the decoder's."""
        return self.tie_encoder_decoder and not self.is_language_model

    @property
    def prior_options(self) -> tuple[str, dict[str, Any]]:
        """The name of the prior and its options."""
        item = _one("priors", self.prior)
        if self.is_language_model and item[0] != "standard":
            raise UserError(
                f"injection 'none' has no latent, so prior '{item[0]}' has no use; set model.prior=standard"
            )
        return item

    @property
    def posterior_options(self) -> tuple[str, dict[str, Any]]:
        """The name of the form of q(z|x) and its options."""
        item = _one("posteriors", self.posterior)
        if self.is_language_model and item[0] != "gaussian":
            raise UserError(
                f"injection 'none' has no latent, so posterior '{item[0]}' has no use; set model.posterior=gaussian"
            )
        return item

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PreTrainedConfig:
        """Return the decoder's configuration, which generation reads."""
        return self.decoder if self.decoder is not None else self


def _as_config(config: PreTrainedConfig | dict[str, Any] | None) -> PreTrainedConfig | None:
    if not isinstance(config, dict):
        return config
    options = dict(config)
    try:
        return AutoConfig.for_model(options.pop("model_type"), **options)
    except Exception as error:  # damaged settings raise errors of many kinds inside the library
        raise UserError(f"config.json: the settings of a network are damaged ({type(error).__name__})") from error


def _one(kind: str, choice: str | dict[str, Any]) -> tuple[str, dict[str, Any]]:
    named = _named(kind, choice)
    if len(named) != 1:
        raise UserError(f"model.{choices.KINDS[kind].singular}: give one, not {len(named)} ({', '.join(named)})")
    return next(iter(named.items()))


def _named(kind: str, choice: str | dict[str, Any]) -> dict[str, dict[str, Any]]:
    singular = choices.KINDS[kind].singular
    if isinstance(choice, str):
        parts = [name.strip() for name in choice.split("+")]
        for name in parts:
            if parts.count(name) > 1:
                raise UserError(f"{singular} '{name}' is given more than once in '{choice}'")
        choice = {name: {} for name in parts}
    for name, options in choice.items():
        choices.check_name(kind, name)
        if options is not None and not isinstance(options, dict):
            raise UserError(f"{singular} '{name}': its options are a mapping, not {options!r}")
    return {name: options or {} for name, options in choice.items()}
