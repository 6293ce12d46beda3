"""Convert models of the reference system (memory and embedding injection on RoBERTa) by parameter name.

The mapping is documented in ``docs/reference-system.md``.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vaescope.errors import UserError
from vaescope.model.backbone import causal, new_config
from vaescope.model.checkpoints.strict import differences
from vaescope.model.network_settings import SET_BY_VAESCOPE
from vaescope.model.vae import TransformerVAE
from vaescope.model.vae_config import TransformerVAEConfig
from vaescope.reading import read_json

PREFIXES = {
    "encoder.model.pooler.dense.": "posterior_head.projection.",
    "encoder.model.": "encoder.",
    "decoder.latent_to_decoder.latent_to_memory_projection.": "injections.memory.projection.",
    "decoder.latent_to_decoder.latent_to_embedding_projection.": "injections.embedding.projection.",
    "decoder.model.roberta.": "decoder.roberta.",
    "decoder.model.lm_head.": "decoder.lm_head.",
}
"""Prefixes of the reference's names and of ours; the first that matches applies, the rest of the name is the same."""
BUFFER = "embeddings.position_ids"
COPIES = {f"{name}_module.layer.": f"{name}." for name in ("query", "key", "value")}
"""The reference stores each of these projections twice, under two names."""
ZERO = ("decoder.lm_head.bias", "decoder.lm_head.decoder.bias")
"""Parameters of ours that the reference does not have: its output layer has no bias."""


def convert_reference(state_dict: Path, out: Path) -> TransformerVAE:
    """Write to ``out`` the model whose parameters the reference system saved in ``state_dict``, and return it.

    The file holds plain tensors, as safetensors or for ``torch.load(weights_only=True)``; next to it lies
    ``config.json`` with the settings of the RoBERTa of both sides, and ``latent_size``. Posteriors and
    log-likelihoods are those of the reference for unpadded texts. Encoder and decoder are tied where their
    parameters are equal.

    Raises:
        UserError: no such file, not plain tensors, or tensors missing, unknown or of another shape.
    """
    if not state_dict.is_file():
        raise UserError(f"{state_dict}: no such file; give the state dict of the reference system")
    settings = _settings(state_dict.parent / "config.json")
    theirs = {name: value.float() for name, value in _tensors(state_dict).items() if not name.endswith(BUFFER)}
    ours = _renamed(_without_copies(theirs, state_dict), state_dict)
    model = TransformerVAE(_config(settings, tied=_tied(ours))).eval()
    wanted = model.state_dict()
    ours |= {name: torch.zeros_like(wanted[name]) for name in ZERO if name in wanted}
    mismatch = differences(_as_reference(wanted), _as_reference(ours))
    if mismatch:
        raise UserError(f"{state_dict}: not a state dict of the reference system for its config.json: {mismatch}")
    model.load_state_dict(ours)
    model.save_pretrained(out)
    return model


def _settings(file: Path) -> dict[str, Any]:
    if not file.exists():
        raise UserError(
            f"{file}: no such file; the settings of the RoBERTa and latent_size belong next to the state dict"
        )
    try:
        settings = read_json(file)
    except ValueError as error:
        raise UserError(f"{file}: not a JSON file ({error})") from error
    if not isinstance(settings, dict) or "latent_size" not in settings:
        raise UserError(f"{file}: needs latent_size in addition to the settings of the RoBERTa")
    if settings.get("model_type") != "roberta":
        raise UserError(
            f"{file}: model_type is {settings.get('model_type')!r}, but the reference system is a 'roberta'"
        )
    return settings


def _config(settings: dict[str, Any], *, tied: bool) -> TransformerVAEConfig:
    options = dict(settings)
    latent_size = options.pop("latent_size")
    fixed = {name: options.pop(name) for name in SET_BY_VAESCOPE if name in options}
    side = new_config(options, **fixed)
    return TransformerVAEConfig(
        encoder=side,
        decoder=causal(side),
        latent_size=latent_size,
        injection={"memory": {}, "embedding": {"placement": "after_norm"}},
        pooling="first_last",
        prior="standard",
        tie_encoder_decoder=tied,
        text_length=side.max_position_embeddings - side.pad_token_id - 1,
        bos_token_id=side.bos_token_id,
        eos_token_id=side.eos_token_id,
        pad_token_id=side.pad_token_id,
    )


def _tensors(file: Path) -> dict[str, Tensor]:
    if not file.exists():
        raise UserError(f"{file}: no such file")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UserError(f"{file}: cannot be read as plain tensors ({reason}); save the state dict alone") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{file}: holds more than named tensors; save the state dict alone")
    return state


def _without_copies(theirs: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    kept = dict(theirs)
    for name, value in theirs.items():
        for copy, original in COPIES.items():
            if copy in name:
                twin = theirs.get(name.replace(copy, original))
                if twin is not None and not torch.equal(twin, value):
                    raise UserError(f"{file}: {name} is not equal to {name.replace(copy, original)}, its other name")
                kept.setdefault(name.replace(copy, original), value)
                del kept[name]
    return kept


def _renamed(theirs: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    ours: dict[str, Tensor] = {}
    unknown: dict[str, Tensor] = {}
    for name, value in theirs.items():
        begin = next((begin for begin in PREFIXES if name.startswith(begin)), None)
        (unknown if begin is None else ours)[name if begin is None else PREFIXES[begin] + name[len(begin) :]] = value
    if unknown:
        raise UserError(f"{file}: not a state dict of the reference system: {differences({}, unknown)}")
    return ours


def _tied(ours: dict[str, Tensor]) -> bool:
    pairs = [(name, "decoder.roberta." + name.removeprefix("encoder.")) for name in ours if name.startswith("encoder.")]
    return all(other in ours and torch.equal(ours[name], ours[other]) for name, other in pairs)


def _as_reference(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    named = {}
    for name, value in ours.items():
        if name not in ZERO and not name.endswith(BUFFER):
            theirs, begin = next((theirs, begin) for theirs, begin in PREFIXES.items() if name.startswith(begin))
            named[theirs + name[len(begin) :]] = value
    return named
