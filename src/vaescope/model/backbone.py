"""The one door to transformers: loads and builds its networks for a latent variable model.

Everything that depends on the version of transformers is here: the offset of position ids in the RoBERTa family, the
split of a causal model into body and head, the name of the cache, gradient checkpointing.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForTextEncoding,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutputWithPast

from vaescope.corpora.hub_access import hub_access
from vaescope.corpora.tokenizer import located
from vaescope.errors import UserError, looks_like_path, one_line, unknown, why_not_there
from vaescope.model.network_settings import check_settings, refuse_quantised

ATTENTION = ("attention", "attn", "self_attn", "self_attention")
QUERY_KEY_VALUE = (("query", "key", "value"), ("q_proj", "k_proj", "v_proj"), ("c_attn",))
CACHE = "cache" if "cache" in CausalLMOutputWithPast.__dataclass_fields__ else "past_key_values"
"""The argument that holds the keys and values of earlier tokens: transformers renamed it in 5.24."""


@contextmanager
def in_one_line(decoder: PreTrainedConfig) -> Iterator[None]:
    """Report in one line an error of a decoder whose architecture is not built like those that are known here.

    Raises:
        UserError: any error of the code inside.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # networks of transformers fail in many ways when they are used in parts
        reason, fix = f"{type(error).__name__}: {one_line(str(error))[:150]}", "use gpt2, roberta, bert or llama"
        raise UserError(f"decoder '{decoder.model_type}' cannot be conditioned on z ({reason}); {fix}") from error


def initial_scale(config: PreTrainedConfig) -> float:
    """Return the standard deviation of a network's new weights; configurations have several names for it."""
    for name in ("initializer_range", "init_std", "init_method_std"):
        value = getattr(config, name, None)
        if isinstance(value, float) and value > 0:
            return value
    return 0.02


def accepts(network: nn.Module, argument: str) -> bool:
    """Return whether the ``forward`` of a network names an argument."""
    return argument in inspect.signature(network.forward).parameters


def new_config(settings: dict[str, Any], **required: Any) -> PreTrainedConfig:
    """Return the configuration of a new network from ``model_type`` and sizes, its names checked.

    >>> new_config({"model_type": "roberta", "hiden_size": 64})
    Traceback (most recent call last):
    ...
    vaescope.errors.UserError: unknown setting of 'roberta' 'hiden_size'; did you mean 'hidden_size'? (known: ...)
    """
    options = dict(settings)
    model_type = options.pop("model_type", None)
    if model_type is None:
        raise UserError("a new network needs its model_type, for instance model.encoder.model_type=roberta")
    try:
        default = AutoConfig.for_model(str(model_type))
    except (ValueError, KeyError) as error:
        raise UserError(f"transformers knows no model_type '{model_type}'; try roberta, bert or gpt2") from error
    known = {*default.to_dict(), *default.attribute_map}
    for option in options:
        if option not in known:
            raise unknown(f"setting of '{model_type}'", str(option), known)
    check_settings(model_type, options, default)
    try:
        return AutoConfig.for_model(model_type, **{**options, **required})
    except Exception as error:  # each architecture checks its settings in its own way
        raise UserError(
            f"'{model_type}': transformers refuses these settings ({one_line(str(error))[:200]})"
        ) from error


def read_config(checkpoint: str) -> PreTrainedConfig:
    """Return the configuration of a checkpoint (a folder or a hub name)."""
    place, options = located(checkpoint)
    if looks_like_path(place) and not Path(place).is_dir():
        raise UserError(f"'{checkpoint}' is neither a model folder nor a reachable hub name (no such folder)")
    try:
        with hub_access(place):
            config = AutoConfig.from_pretrained(place, **options)
    except Exception as error:  # the hub, its network and damaged files raise errors of many libraries
        reason = f"config.json: {why_not_there(error)}"
        raise UserError(f"'{checkpoint}' is neither a model folder nor a reachable hub name ({reason})") from error
    refuse_quantised(checkpoint, config)
    return config


def causal(config: PreTrainedConfig) -> PreTrainedConfig:
    """Return a copy of a configuration for a decoder: the BERT family is made causal by ``is_decoder``."""
    options = config.to_dict()
    options.pop("model_type")
    if "is_decoder" in options:
        options["is_decoder"] = True
    return AutoConfig.for_model(config.model_type, **options)


def encoder_from(config: PreTrainedConfig) -> PreTrainedModel:
    """Return a new bidirectional encoder without a pooler; of an encoder-decoder such as T5 its encoder."""
    return _encoders(config).from_config(config, **_no_pooler(config))


def pretrained_encoder(checkpoint: str, config: PreTrainedConfig) -> PreTrainedModel:
    """Return the encoder of a checkpoint without a pooler, in float32 whatever the checkpoint has."""
    return _read(_encoders(config), checkpoint, config, **_no_pooler(config))


def decoder_from(config: PreTrainedConfig) -> PreTrainedModel:
    """Return a new causal language model.

    Raises:
        UserError: transformers has no causal language model of this kind.
    """
    _check_causal(config)
    return AutoModelForCausalLM.from_config(config)


def pretrained_decoder(checkpoint: str, config: PreTrainedConfig) -> PreTrainedModel:
    """Return the causal language model of a checkpoint, made causal where it was not, in float32."""
    _check_causal(config)
    return _read(AutoModelForCausalLM, checkpoint, config)


def _read(networks: Any, checkpoint: str, config: PreTrainedConfig, **options: Any) -> PreTrainedModel:
    place, file = located(checkpoint)
    with hub_access(place):
        network = networks.from_pretrained(place, config=config, dtype=torch.float32, **options, **file)
    if not file:
        return network
    # a network that was read from GGUF remembers its quantisation, and refuses to be saved
    plain = copy.deepcopy(network.config)
    plain.__dict__.pop("quantization_config", None)
    again = networks.from_config(plain, **options)
    again.load_state_dict(network.state_dict())
    return again


def position_offset(network: PreTrainedModel) -> int:
    """Return the position id of the first token: padding index + 1 in the RoBERTa family, else 0."""
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return module.padding_idx + 1
    return 0


def longest_text(network: PreTrainedModel) -> int | None:
    """Return how many tokens the network's positions allow, or None where it sets no limit."""
    limit = getattr(network.config, "max_position_embeddings", None)
    return None if limit is None else limit - position_offset(network)


@dataclass(frozen=True)
class Head:
    r"""Map a decoder's last hidden states h to logits :math:`c \tanh(s\,f(h) / c)`, or :math:`s\,f(h)` without a cap.

    Attributes:
        module: f, or the part of f before its last layer.
        last: the last layer of f, whose matrix has one row per token.
        scale: s, the factor of the logits in Cohere, Granite and others.
        cap: c, the cap of the logits in the Gemma family; None for no cap.
    """

    module: nn.Module
    last: nn.Module
    scale: float = 1.0
    cap: float | None = None

    @property
    def tokens(self) -> int:
        """The size of the vocabulary."""
        return cast(Tensor, self.last.weight).shape[0]

    def __call__(self, states: Tensor) -> Tensor:
        """Return logits, ``[..., h] -> [..., V]``."""
        logits = self.module(states)
        logits = logits if self.last in self.module.modules() else self.last(logits)
        logits = logits if self.scale == 1 else self.scale * logits
        return logits if self.cap is None else self.cap * (logits / self.cap).tanh()


def head_of(decoder: PreTrainedModel) -> Head:
    """Return the head of a decoder; ``startup_check`` compares it with the decoder's own logits.

    Raises:
        UserError: the decoder computes its logits in another way, so its body and head cannot be used separately.
    """
    last = decoder.get_output_embeddings()
    for name in ("lm_head", "cls", "embed_out", "output_projection"):
        module = getattr(decoder, name, None)
        if isinstance(module, nn.Module) and last is not None:
            return Head(module, last, _scale(decoder.config), getattr(decoder.config, "final_logit_softcapping", None))
    raise UserError(
        f"decoder '{decoder.config.model_type}' has no known language-model head; try gpt2, roberta or llama"
    )


def _scale(config: PreTrainedConfig) -> float:
    """Return the factor of a network's logits, under any name that transformers has for it."""
    scale = 1.0
    for name in ("logit_scale", "lm_head_multiplier"):
        value = getattr(config, name, None)
        scale *= 1.0 if value is None else value
    return scale / (getattr(config, "logits_scaling", None) or 1.0)


def key_value_shape(config: PreTrainedConfig) -> tuple[int, int, int]:
    """Return the number of layers, the number of key-value heads and the head size of a decoder's self-attention."""
    heads = config.num_attention_heads
    size = head_size(config)
    return config.num_hidden_layers, getattr(config, "num_key_value_heads", None) or heads, size


def head_size(config: PreTrainedConfig) -> int:
    """Return the size of an attention head of a decoder."""
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def layers_of(decoder: PreTrainedModel) -> list[nn.Module]:
    """Return the decoder's layers, each with a self-attention.

    Raises:
        UserError: the decoder stores its layers in an unknown place.
    """
    for module in decoder.base_model.modules():
        if isinstance(module, nn.ModuleList) and len(module) and _named(module[0], ATTENTION):
            return list(module)
    raise UserError(f"decoder '{decoder.config.model_type}' has no known layers; use gpt2, roberta, bert or llama")


def attention_of(layer: nn.Module) -> nn.Module:
    """Return the self-attention of a layer, its output projection included."""
    return _named(layer, ATTENTION)[0]


def projections_of(layer: nn.Module) -> tuple[nn.Module, list[nn.Module]]:
    """Return the module in which a layer makes queries, keys and values, and the projections that make them.

    Raises:
        UserError: the projections are not linear maps of the module's input with known names.
    """
    attention = attention_of(layer)
    inner = getattr(attention, "self", attention)
    for names in QUERY_KEY_VALUE:
        found = _named(inner, names)
        if len(found) == len(names):
            return inner, found
    raise UserError(
        f"{type(attention).__name__} has no known query, key and value projections; use gpt2, bert or llama"
    )


def _named(module: nn.Module, names: tuple[str, ...]) -> list[nn.Module]:
    return [inner for name in names if isinstance(inner := getattr(module, name, None), nn.Module)]


def enable_checkpointing(network: PreTrainedModel) -> None:
    """Turn on gradient checkpointing: recompute a network's activations in the backward pass."""
    enable = getattr(network, "activation_checkpointing_enable", None) or network.gradient_checkpointing_enable
    enable()


def _encoders(config: PreTrainedConfig) -> Any:
    return AutoModelForTextEncoding if type(config) in AutoModelForTextEncoding._model_mapping else AutoModel


def _check_causal(config: PreTrainedConfig) -> None:
    if config.get_text_config() is not config and not config.is_encoder_decoder:
        raise UserError(f"'{config.model_type}' is made of several networks; give its text model as the decoder")
    if type(config) not in AutoModelForCausalLM._model_mapping:
        raise UserError(f"'{config.model_type}' cannot be a decoder; use gpt2, roberta, bert, llama or qwen3")


def _no_pooler(config: PreTrainedConfig) -> dict[str, bool]:
    return {"add_pooling_layer": False} if "bert" in config.model_type and config.model_type != "modernbert" else {}
