"""The settings of a new network, checked before transformers reads them: types, sizes, heads, activations, memory."""

from __future__ import annotations

import math
from typing import Any

import psutil
import torch
from transformers import PreTrainedConfig
from transformers.activations import ACT2FN

from vaescope.checks import shown
from vaescope.errors import UserError, unknown

SET_BY_VAESCOPE = (
    "vocab_size",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "max_position_embeddings",
    "n_positions",
    "type_vocab_size",
    "is_decoder",
    "add_cross_attention",
)
"""Settings that vaescope derives from the tokenizer, data.max_length and the side; a user's value would have no
effect."""

ACTIVATIONS = ("hidden_act", "activation_function", "hidden_activation", "activation")
MOST_LAYERS = 1_000
LARGEST_SIZE = 1_000_000
BYTES_PER_PARAMETER = 16
"""Memory of training in float32: the parameter, its gradient and two moments of AdamW."""


def check_settings(model_type: str, options: dict[str, Any], default: PreTrainedConfig) -> None:
    """Refuse settings of which no network can be made.

    Args:
        model_type: the architecture.
        options: what the user set.
        default: the configuration of the architecture in transformers, which gives the types.

    Raises:
        UserError: names the setting.
    """
    standard = {**default.to_dict(), **{alias: getattr(default, alias) for alias in default.attribute_map}}
    for name, value in options.items():
        if name in SET_BY_VAESCOPE:
            raise UserError(
                f"'{name}' of a new '{model_type}' is set by vaescope (from the tokenizer, data.max_length "
                "and the side); leave it out"
            )
        _check(f"'{name}' of '{model_type}'", name, value, standard.get(name))
    size, heads = (
        _setting(options, default, *names)
        for names in (("hidden_size", "n_embd", "d_model"), ("num_attention_heads", "n_head", "num_heads"))
    )
    # an architecture with a separate head_dim may have any number of heads
    if not hasattr(default, "head_dim") and isinstance(size, int) and isinstance(heads, int) and size % heads:
        raise UserError(
            f"hidden_size {size} of '{model_type}' is not a multiple of its {heads} attention heads; "
            f"give for instance {heads * math.ceil(size / heads)}"
        )
    groups = options.get("num_key_value_heads")
    if isinstance(groups, int) and isinstance(heads, int) and heads % groups:
        raise UserError(f"num_key_value_heads {groups} of '{model_type}' does not divide its {heads} attention heads")


def _setting(options: dict[str, Any], default: PreTrainedConfig, *names: str) -> Any:
    """A setting under one of its names: the user's value, or else the default."""
    given = [options[name] for name in names if name in options]
    return (given + [getattr(default, name) for name in names if hasattr(default, name)] + [None])[0]


def _check(where: str, name: str, value: Any, standard: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if "drop" in name and isinstance(standard, float):
        if not (number and 0 <= value < 1):
            raise UserError(f"{where}: {shown(value)} is not a share; give a number from 0 to below 1")
    elif name in ("hidden_act", "activation_function", "hidden_activation", "feed_forward_proj") and isinstance(
        standard, str
    ):
        if name != "feed_forward_proj" and value not in ACT2FN:
            raise unknown(f"activation {where}", str(value), ACT2FN)
    elif isinstance(standard, bool):
        if not isinstance(value, bool):
            raise UserError(f"{where}: give true or false, not {shown(value)}")
    elif isinstance(standard, int) or (standard is None and name in ("n_inner", "num_key_value_heads", "head_dim")):
        most = MOST_LAYERS if "layer" in name else LARGEST_SIZE
        least = 1 if standard is None or standard > 0 else 0
        if not (number and isinstance(value, int) and least <= value <= most):
            raise UserError(f"{where}: give a whole number from {least} to {most:,}, not {shown(value)}")
    elif isinstance(standard, float):
        if not (number and math.isfinite(value) and value >= 0):
            raise UserError(f"{where}: give a number of at least 0, not {shown(value)}")
    elif isinstance(standard, str) and not isinstance(value, str):
        raise UserError(f"{where}: give a name, not {shown(value)}")


def refuse_too_large(parameters: int) -> None:
    """Refuse a model that needs more memory to train than this machine has.

    Raises:
        UserError: states the parameters and the memory.
    """
    needed, memory = parameters * BYTES_PER_PARAMETER, psutil.virtual_memory().total
    if torch.cuda.is_available():
        memory = max(memory, torch.cuda.get_device_properties(0).total_memory)
    if needed > memory:
        raise UserError(
            f"the model has {parameters:,} parameters, whose training takes {needed / 2**30:,.0f} GiB; "
            f"this machine has {memory / 2**30:,.0f} GiB. Give a smaller latent_size, vocab_size, max_length, prior or "
            "network"
        )


def refuse_quantised(checkpoint: str, config: PreTrainedConfig) -> None:
    """Refuse a checkpoint whose weights have 8 or 4 bits, which need kernels of their own.

    Raises:
        UserError: names the kind of quantisation.
    """
    found = getattr(config, "quantization_config", None)
    if found:
        options = found if isinstance(found, dict) else found.to_dict()
        kind = options.get("quant_method", "unknown method")
        raise UserError(
            f"'{checkpoint}' holds quantised weights ({kind}), which vaescope does not compute with; give the "
            "checkpoint that it was made of, or a GGUF file, whose weights are read in float32"
        )
