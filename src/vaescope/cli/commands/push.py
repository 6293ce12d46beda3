"""``vaescope push``: a trained model to the Hugging Face hub or to a folder, with its tokenizer and its card."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

BASE = "base.json"
"""The file of a model folder that does not hold the frozen weights of a checkpoint."""


def push(
    run: Annotated[Path, typer.Argument(help="the run folder")],
    repository: Annotated[str | None, typer.Argument(help="USER/NAME on the hub")] = None,
    licence: Annotated[str | None, typer.Option(help="for the card, for instance apache-2.0")] = None,
    public: Annotated[bool, typer.Option("--public", help="visible to all; by default only to you")] = False,
    to: Annotated[Path | None, typer.Option(help="write the files to this folder instead of the hub")] = None,
    merge: Annotated[bool, typer.Option("--merge", help="add a low-rank adapter to the weights it adapts")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the card and the files; publish nothing")] = False,
) -> None:
    """Publish a model: weights, tokenizer, and a card with its assessment.

    Nothing private becomes public: a repository that exists and is public is refused without --public.
    """
    from vaescope.cli.load_and_train import hide_other_bars

    if (repository is None) == (to is None):
        raise typer.BadParameter("give either REPOSITORY (USER/NAME) or --to FOLDER")
    if licence is not None and not re.fullmatch(r"[\w.+-]+", licence):
        raise typer.BadParameter(f"--licence '{licence}' is no identifier; give one, for instance apache-2.0")
    hide_other_bars()
    if repository is not None:
        _check_name(repository)
    if dry_run:
        _show(run, licence, merge, f"https://huggingface.co/{repository}" if to is None else str(to))
    elif to is not None:
        _copy(run, to, licence, merge)
        typer.echo(f"written: {to}")
    elif merge or (run / "model" / BASE).exists():
        import tempfile

        from vaescope.model.checkpoints.hub import push_to_hub

        with tempfile.TemporaryDirectory() as folder:
            _copy(run, Path(folder) / "model", licence, merge)
            typer.echo(push_to_hub(Path(folder) / "model", str(repository), private=not public))
    else:
        from vaescope.model.checkpoints.card import refresh_card
        from vaescope.model.checkpoints.hub import push_to_hub

        refresh_card(run, licence=licence)
        typer.echo(push_to_hub(run / "model", str(repository), private=not public))


def _check_name(repository: str) -> None:
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    from vaescope.errors import UserError

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(
            f"'{repository}' is not a name on the hub; give USER/NAME, or --to FOLDER for a folder"
        ) from error


def _show(run: Path, licence: str | None, merge: bool, place: str) -> None:
    """Print the card and the files that would be published."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        files = _copy(run, Path(folder) / "model", licence, merge)
        typer.echo((Path(folder) / "model" / "README.md").read_text(encoding="utf-8"))
        for file in files:
            typer.echo(f"{file.stat().st_size:>12,} bytes  {file.relative_to(Path(folder) / 'model')}")
    typer.echo(f"These files would go to {place}; nothing was published.")


def _copy(run: Path, to: Path, licence: str | None, merge: bool) -> list[Path]:
    """Write the files that are published to a folder, which must be new or empty."""
    import shutil

    from vaescope.errors import UserError
    from vaescope.model.checkpoints.card import refresh_card
    from vaescope.model.checkpoints.hub import copy_published, published_files

    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to}: exists and is not an empty folder; give a new --to FOLDER")
    to.mkdir(parents=True, exist_ok=True)
    try:
        copy_published(run / "model", to)
        if merge or (to / BASE).exists():
            _complete(run / "model", to, merge)
        refresh_card(run, licence=licence, folder=to)
        return published_files(to)
    except Exception:
        shutil.rmtree(to)
        raise


def _complete(model_folder: Path, to: Path, merge: bool) -> None:
    """Replace the weights of a copied model by all of its weights, the frozen ones of a checkpoint included."""
    from vaescope.model.adapt import merged
    from vaescope.model.vae import TransformerVAE
    from vaescope.runs.checksums import write_checksums

    model = TransformerVAE.from_pretrained(model_folder)
    for file in [*to.glob("*.safetensors*"), to / BASE]:
        file.unlink(missing_ok=True)
    (merged(model) if merge else model).save_pretrained(to)
    write_checksums(to)
