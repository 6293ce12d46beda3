"""Which parameters of the two networks are trained: all, those of one side, or a low-rank adapter of the decoder."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

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
LORA_OPTIONS = ("rank", "alpha", "dropout", "targets")


def freeze(model: TransformerVAE, sides: str) -> None:
    """Freeze the parts that ``sides`` names, with their adapters; all other parts of the model are trained.

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
    r"""Add to linear maps of the decoder's layers a low-rank update, :math:`W + (\alpha/r) B A`; train only that.

    Options: ``rank`` r (8), ``alpha`` (2 r), ``dropout`` of the update's input (0), and ``targets``, the names of the
    maps within a layer (``[q_proj, v_proj]``); by default all of them. B starts at zero.

    Reference: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685.

    Raises:
        UserError: ``peft`` is not installed, an unknown option or target, a value out of range, or a decoder whose
            parameters are also the encoder's.
    """
    if tied:
        raise UserError("model.lora trains an adapter of the decoder alone; set model.tie=false")
    for option in options:
        if option not in LORA_OPTIONS:
            raise unknown("option of model.lora", option, LORA_OPTIONS)
    rank, alpha, dropout = _numbers(options)
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise UserError("model.lora needs peft; install it with pip install 'vaescope[lora]'") from error
    names = {module: name for name, module in decoder.named_modules()}
    maps = _chosen_maps(decoder, options.get("targets"))
    settings = LoraConfig(
        r=rank,
        lora_alpha=cast(int, alpha),
        lora_dropout=dropout,
        target_modules=[names[m] for m in maps],
        fan_in_fan_out=isinstance(maps[0], Conv1D),
    )
    settings._register_custom_module({nn.Linear: fast_lora_linear()})
    inject_adapter_in_model(settings, decoder)
    for name, parameter in decoder.named_parameters():
        if "lora_" in name:
            # peft has initialised it; transformers would do so again, and B would not be zero
            parameter._is_hf_initialized = True  # type: ignore[attr-defined]


def merged(model: TransformerVAE) -> TransformerVAE:
    r"""Return a copy of a model with its low-rank updates added to the weights: :math:`W + (\alpha/r) B A`.

    The copy has the same distribution and no adapter, so it loads without ``peft``.

    Raises:
        UserError: the model has no adapter.
    """
    if model.config.lora is None:
        raise UserError("this model has no adapter to merge (model.lora was not set)")
    model = copy.deepcopy(model)
    for name, module in list(model.decoder.named_modules()):
        if hasattr(module, "lora_A"):
            layer = cast(Any, module)
            layer.merge(safe_merge=True)
            model.decoder.set_submodule(name, layer.get_base_layer())
    model.config.lora = None
    return model


def _numbers(options: dict[str, Any]) -> tuple[int, float, float]:
    """The rank, alpha and dropout of an adapter, checked."""
    rank = options.get("rank", 8)
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        raise UserError(f"model.lora: rank must be a whole number of at least 1, not {rank!r}")
    alpha, dropout = options.get("alpha", 2 * rank), options.get("dropout", 0.0)
    if not isinstance(alpha, int | float) or alpha <= 0:
        raise UserError(f"model.lora: alpha must be positive, not {alpha!r}")
    if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise UserError(f"model.lora: dropout must be from 0 to below 1, not {dropout!r}")
    return rank, alpha, dropout


def _chosen_maps(decoder: PreTrainedModel, targets: list[str] | None) -> list[nn.Module]:
    """The linear maps of all layers, or those of the given names."""
    maps = [
        (name.split(".")[-1], module)
        for layer in layers_of(decoder)
        for name, module in layer.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
    ]
    if targets is None:
        return [module for _, module in maps]
    if not isinstance(targets, list) or not targets:
        raise UserError(f"model.lora: targets is a list of names such as [q_proj, v_proj], not {targets!r}")
    known = {name for name, _ in maps}
    for target in targets:
        if target not in known:
            raise unknown("target of model.lora", str(target), known)
    return [module for name, module in maps if name in targets]
