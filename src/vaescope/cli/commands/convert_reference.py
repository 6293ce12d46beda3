"""``vaescope convert-reference``: a model of the reference system, as a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert_reference(
    state_dict: Annotated[Path, typer.Argument(help="safetensors or a .pt of plain tensors, config.json next to it")],
    out: Annotated[Path, typer.Argument(help="the model folder to write")],
) -> None:
    """Write a state dict of the reference system as a model folder for TransformerVAE.from_pretrained."""
    from transformers.utils import logging

    from vaescope.model.checkpoints.reference_system import convert_reference as convert

    logging.disable_progress_bar()
    model = convert(state_dict, out)
    typer.echo(f"{out}: {model.num_parameters():,} parameters, latent size {model.config.latent_size}")
