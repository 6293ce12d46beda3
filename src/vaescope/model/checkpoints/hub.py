"""A model on the Hugging Face hub: weights, tokenizer and card go together."""

from __future__ import annotations

import shutil
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from vaescope.errors import UserError, one_line
from vaescope.model.vocabularies import FOLDER
from vaescope.reading import read_json

CONFLICT = 409
"""The HTTP status of a repository that exists."""

NEEDED = ("config.json", "tokenizer.json", "README.md")
"""Files that are uploaded with the weights: without them the model could not be used or understood."""

UPLOADED = ("*.json", "*.safetensors", "*.txt", "README.md")
"""Files that are uploaded: no pickles, and nothing that is in the folder by accident."""


def push_to_hub(folder: Path | str, repository: str, *, private: bool = True) -> str:
    """Upload a model folder as it is and return its address; ``vaescope.load(repository)`` reads it anywhere.

    ``PreTrainedModel.push_to_hub`` would overwrite the card and omit the tokenizer.

    Raises:
        UserError: the folder lacks weights, tokenizer or card, the hub refuses or cannot be reached, or a repository
            that should be private exists and is public.
    """
    folder = Path(folder)
    published_files(folder)
    api = HfApi()
    try:
        name = _repository(api, repository, private=private)
        api.upload_folder(
            folder_path=folder, repo_id=name, allow_patterns=list(UPLOADED), commit_message="Upload a text VAE"
        )
    except UserError:
        raise
    except Exception as error:  # the hub and the network raise errors of many libraries
        refused = isinstance(error, HfHubHTTPError | HFValidationError | LocalTokenNotFoundError)
        what = "the hub refuses" if refused else "the hub cannot be reached (nothing was published); it was asked for"
        reason = one_line(str(error) or type(error).__name__)[:200]
        raise UserError(f"{what} '{repository}': {reason}") from error
    return f"https://huggingface.co/{name}"


def _repository(api: HfApi, name: str, *, private: bool) -> str:
    """Create a repository, or return the existing one.

    Raises:
        UserError: it exists and is public, but should be private.
    """
    try:
        return api.create_repo(name, private=private, exist_ok=False).repo_id
    except HfHubHTTPError as error:
        if getattr(error.response, "status_code", None) != CONFLICT:
            raise
    found = api.repo_info(name)
    if private and not found.private:
        raise UserError(f"'{name}' exists on the hub and is public; give --public to publish there, or another name")
    return found.id


def published_files(folder: Path) -> list[Path]:
    """Return the files of a model folder that would be published.

    Raises:
        UserError: the folder lacks weights, tokenizer or card.
    """
    needed = [*NEEDED, f"{FOLDER}/tokenizer.json"] if _has_two_vocabularies(folder) else NEEDED
    missing = [name for name in needed if not (folder / name).exists()]
    if not list(folder.glob("*.safetensors")):
        missing.append("model.safetensors")
    if missing:
        raise UserError(f"{folder}: not a complete model folder (no {', '.join(missing)})")
    return sorted({file for place in (folder, folder / FOLDER) for file in _files(place)})


def copy_published(source: Path, to: Path) -> None:
    """Copy the files of a model folder that would be published."""
    for file in [*_files(source), *_files(source / FOLDER)]:
        target = to / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _files(folder: Path) -> list[Path]:
    return [file for pattern in UPLOADED for file in folder.glob(pattern) if file.is_file()]


def _has_two_vocabularies(folder: Path) -> bool:
    file = folder / "config.json"
    try:
        content = read_json(file) if file.exists() else {}
        return content.get("encoder_text_length") is not None
    except (ValueError, AttributeError) as error:
        raise UserError(f"{file}: damaged (no JSON object); bring it back, or train again") from error
