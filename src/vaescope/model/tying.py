"""Tied sides: the encoder shares the decoder's parameters of the same names."""

from __future__ import annotations

from transformers import PreTrainedModel

from vaescope.errors import UserError


def ties(encoder: PreTrainedModel, decoder: PreTrainedModel) -> dict[str, str]:
    """Map each encoder parameter to the decoder's of the same name.

    Share parameters, never modules: a decoder layer is causal, and a shared layer would make the encoder causal.
    """
    body = decoder.base_model_prefix
    names = {name for name, _ in decoder.named_parameters(remove_duplicate=False)}
    ties = {f"encoder.{n}": f"decoder.{body}.{n}" for n, _ in encoder.named_parameters() if f"{body}.{n}" in names}
    if len(ties) < len(list(encoder.named_parameters())):
        raise UserError(
            f"encoder '{encoder.config.model_type}' and decoder '{decoder.config.model_type}' do not share their "
            "parameters' names; set model.tie=false"
        )
    return ties
