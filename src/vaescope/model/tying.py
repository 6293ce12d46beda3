"""Tied sides: the encoder's parameters are the decoder's of the same names."""

from __future__ import annotations

from transformers import PreTrainedModel

from vaescope.errors import UserError


def ties(encoder: PreTrainedModel, decoder: PreTrainedModel) -> dict[str, str]:
    """Map each encoder parameter to the decoder's of the same name.

    Parameters, never modules: a layer of a decoder knows that it is causal, and a shared one would make the encoder so.
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
