"""load: open a run, a model folder or a hub name as a latent space."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from vaescope.checks import shown
from vaescope.corpora.hub_access import hub_access
from vaescope.errors import UserError, looks_like_path, no_such_run
from vaescope.model.backbone import read_config
from vaescope.model.latent_space import LatentSpace
from vaescope.model.vae import TransformerVAE
from vaescope.model.vae_config import TransformerVAEConfig


def load(source: str | PathLike[str]) -> LatentSpace:
    """Return the trained model of ``source`` with its tokenizer, on the fastest device of this machine.

    Args:
        source: a run (what ``vaescope.train`` returned) or its folder, the folder of a model (with its tokenizer), or a
            name of the Hugging Face hub.

    Raises:
        UserError: there is no model, it is of another kind, or it has no tokenizer.
    """
    if not isinstance(source, str | os.PathLike):
        raise UserError(f"give a run folder, a model folder or a name of the hub, not {shown(source)}")
    source = source if isinstance(source, str) else Path(source)
    place = _place(source)
    config = read_config(place)
    if not isinstance(config, TransformerVAEConfig):
        raise UserError(f"{source}: a model of type '{config.model_type}', not one that vaescope trained")
    try:
        with hub_access(place):
            tokenizer: Any = AutoTokenizer.from_pretrained(place)
        if None in (tokenizer.bos_token_id, tokenizer.eos_token_id):
            raise ValueError("no BOS or no EOS")
        # some damaged settings are only met in use
        tokenizer(["a"])
    except Exception as error:  # damaged files raise errors of many kinds inside two libraries
        raise UserError(
            f"{source}: the model has no tokenizer that can be read (tokenizer.json, tokenizer_config.json); save the "
            "one it was trained with in the same folder"
        ) from error
    with hub_access(place):
        model = TransformerVAE.from_pretrained(place).eval()
    device = torch.accelerator.current_accelerator(check_available=True)
    if device is not None:
        torch.nn.Module.to(model, device)
    return LatentSpace(model, tokenizer)


def _place(source: Path | str) -> str:
    """A folder with a model, or a name of the hub. Names that look like local paths are not looked up on the hub."""
    folder = Path(source).expanduser()
    if (folder / "model" / "config.json").exists():
        return str(folder / "model")
    if folder.is_dir() and not (folder / "config.json").exists():
        raise UserError(f"{folder}: neither a run with a trained model nor the folder of one (no config.json)")
    # a model of the hub is USER/NAME: a single name is a run that does not exist
    if not folder.is_dir() and (isinstance(source, Path) or "/" not in source or looks_like_path(source)):
        raise no_such_run(source)
    return str(folder) if folder.is_dir() else str(source)
