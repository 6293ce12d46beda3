"""A model on the Hugging Face hub: weights, tokenizer and card go together."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from vaescope.errors import UserError

NEEDED = ("config.json", "tokenizer.json", "README.md")
"""Files beside the weights without which the model could not be used or understood."""

UPLOADED = ("*.json", "*.safetensors", "*.txt", "README.md")
"""Files that go to the hub: no pickles, and nothing that was left in the folder by accident."""


def push_to_hub(folder: Path | str, repository: str, *, private: bool = True) -> str:
    """Upload a model folder as it is and return its address; ``vaescope.load(repository)`` reads it anywhere.

    ``PreTrainedModel.push_to_hub`` would write another card and leave the tokenizer behind.

    Raises:
        UserError: the folder lacks weights, tokenizer or card, or the hub refuses.
    """
    folder = Path(folder)
    missing = [name for name in NEEDED if not (folder / name).exists()]
    if not list(folder.glob("*.safetensors")):
        missing.append("model.safetensors")
    if missing:
        raise UserError(f"{folder}: not a complete model folder (no {', '.join(missing)})")
    api = HfApi()
    try:
        name = api.create_repo(repository, private=private, exist_ok=True).repo_id
        api.upload_folder(
            folder_path=folder, repo_id=name, allow_patterns=list(UPLOADED), commit_message="Upload a text VAE"
        )
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
        raise UserError(f"the hub refuses '{repository}': {' '.join(str(error).split())[:200]}") from error
    return f"https://huggingface.co/{name}"
