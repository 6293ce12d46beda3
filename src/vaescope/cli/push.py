"""``vaescope push``: a trained model to the Hugging Face hub, with its tokenizer and its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    run: Annotated[Path, typer.Argument(help="the run folder")],
    repository: Annotated[str, typer.Argument(help="USER/NAME on the hub")],
    licence: Annotated[str | None, typer.Option(help="for the card, for instance apache-2.0")] = None,
    public: Annotated[bool, typer.Option("--public", help="visible to all; by default only to you")] = False,
) -> None:
    """Publish a model: weights, tokenizer, and a card with its assessment."""
    from vaescope.model.checkpoints.card import refresh_card
    from vaescope.model.checkpoints.hub import push_to_hub

    refresh_card(run, licence=licence)
    typer.echo(push_to_hub(run / "model", repository, private=not public))
