"""Which parameters of the two networks are trained: all, those of one side, or a low-rank adapter of the decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from vaescope.errors import UserError, unknown
from vaescope.model.backbone import layers_of
from vaescope.model.kernels.low_rank import fast_lora_linear

if TYPE_CHECKING:
    from vaescope.model.vae import TransformerVAE

FROZEN = {
    "none": (),
    "encoder": ("encoder",),
    "posterior": ("encoder", "posterior_head"),
    "decoder": ("decoder",),
    "both": ("encoder", "decoder"),
}
"""Values of ``freeze`` and the modules whose parameters each keeps as they are."""
LORA_OPTIONS = ("rank", "alpha", "dropout")


def freeze(model: TransformerVAE, sides: str) -> None:
    """Keep the parts of ``sides`` and their adapters as they are; all other parts of the model are trained.

    Raises:
        UserError: an unknown value, or a frozen side whose parameters are also those of the other side.
    """
    if sides not in FROZEN:
        raise unknown("value of model.freeze", sides, FROZEN)
    if model.config.tied and sides not in ("none", "both"):
        raise UserError(f"model.freeze={sides} with tied sides would freeze both; set model.tie=false, or freeze both")
    for side in FROZEN[sides]:
        network = getattr(model, side)
        if network is not None:
            network.requires_grad_(False)


def add_lora(decoder: PreTrainedModel, options: dict[str, Any], *, tied: bool) -> None:
    r"""Add to every linear map of the decoder's layers a low-rank update, :math:`W + (\alpha/r) B A`; train only that.

    Options: ``rank`` r (8), ``alpha`` (2 r), ``dropout`` of the update's input (0). B starts at zero.

    Reference: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685.

    Raises:
        UserError: ``peft`` is not installed, an unknown option, or a decoder whose parameters are the encoder's too.
    """
    if tied:
        raise UserError("model.lora trains an adapter of the decoder alone; set model.tie=false")
    for option in options:
        if option not in LORA_OPTIONS:
            raise unknown("option of model.lora", option, LORA_OPTIONS)
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise UserError("model.lora needs peft; install it with pip install 'vaescope[lora]'") from error
    names = {module: name for name, module in decoder.named_modules()}
    maps = [m for layer in layers_of(decoder) for m in layer.modules() if isinstance(m, nn.Linear | Conv1D)]
    rank = options.get("rank", 8)
    settings = LoraConfig(
        r=rank,
        lora_alpha=options.get("alpha", 2 * rank),
        lora_dropout=options.get("dropout", 0.0),
        target_modules=[names[m] for m in maps],
        fan_in_fan_out=isinstance(maps[0], Conv1D),
    )
    settings._register_custom_module({nn.Linear: fast_lora_linear()})
    inject_adapter_in_model(settings, decoder)
    for name, parameter in decoder.named_parameters():
        if "lora_" in name:
            # peft has drawn it; transformers would draw it again, and B would not be zero
            parameter._is_hf_initialized = True  # type: ignore[attr-defined]
