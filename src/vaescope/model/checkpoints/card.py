"""The model card: README.md of a model folder, with its architecture, data, objective and assessment."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from huggingface_hub import ModelCard, ModelCardData

from vaescope.config import read_config
from vaescope.errors import UserError, no_such_run
from vaescope.reading import read_json
from vaescope.writing import write_text

T = TypeVar("T")

UNKNOWN = "unknown"
"""The licence of a model without a stated licence (an identifier of the hub)."""


def write_card(
    folder: Path | str,
    *,
    config: dict[str, Any],
    environment: dict[str, Any],
    assessment: dict[str, Any] | None = None,
    licence: str | None = None,
) -> Path:
    """Write ``README.md`` into a model folder: architecture, data, objective, assessment, licence, how to load.

    Only the last part of a data path is written, since cards are published.

    Args:
        folder: the folder of the model (``RUN/model``).
        config: the configuration of the run, as JSON.
        environment: hardware and versions of the training (``environment.json``); may be empty.
        assessment: the content of ``assessment.json``, or None before there is one.
        licence: an identifier of the hub, for instance ``apache-2.0``; by default that of the existing card.
    """
    path = Path(folder) / "README.md"
    data = ModelCardData(
        license=licence or _licence(path),
        library_name="vaescope",
        pipeline_tag="text-generation",
        tags=["vaescope", "vae", "latent-variable-model", "transformers"],
    )
    sections = [
        "# Text VAE",
        "A Transformer VAE for text: an encoder q(z|x), a decoder p(x|z) and a prior p(z), made with vaescope.",
        "## Use\n\n" + _USE,
        "## Architecture\n\n" + _table(("part", "choice"), _architecture(config["model"])),
        "## Data\n\n" + _data(config["data"]),
        "## Objective\n\n" + _block(config["objective"]),
        "## Training\n\n" + _read("environment.json", _training, config, environment),
        "## Assessment\n\n" + _read("assessment.json", _assessment, assessment),
        "## Licence\n\n" + _licence_words(str(data.license)),
    ]
    write_text(path, f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n")
    return path


def _read(file: str, describe: Callable[..., T], *content: Any) -> T:
    """Describe the content of a file, which any program may have written."""
    try:
        return describe(*content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file} of this run is damaged (another form than vaescope writes); make it again") from error


def refresh_card(run: Path | str, *, licence: str | None = None, folder: Path | None = None) -> Path:
    """Rewrite the card of a run from its files, after an assessment or with another licence.

    Args:
        run: the run.
        licence: an identifier of the hub.
        folder: where the card is written; by default the folder of the model, ``RUN/model``.

    Raises:
        UserError: the folder holds no run with a trained model, or a damaged file.
    """
    run = Path(run)
    sources = _sources(run)
    return write_card(folder or run / "model", **sources, assessment=_json(run / "assessment.json"), licence=licence)


def check_card(run: Path) -> None:
    """Read the files of a run that its card needs, except the assessment, before anything is written.

    Raises:
        UserError: the folder holds no run with a trained model, or a damaged file.
    """
    sources = _sources(run)
    _read("environment.json", _training, sources["config"], sources["environment"])


def _sources(run: Path) -> dict[str, Any]:
    """The configuration and the environment of a run with a trained model."""
    if not (run / "config.yaml").exists():
        raise no_such_run(run, "run with a trained model")
    if not (run / "model" / "config.json").exists():
        raise UserError(f"{run}: not a run with a trained model (no model/); finish it with vaescope train")
    config = read_config(run / "config.yaml").model_dump(mode="json")
    return {"config": config, "environment": _json(run / "environment.json") or {}}


_USE = """```python
from vaescope import load

vae = load("FOLDER")  # this folder, or its name on the hub
vae.reconstruct(["a text"])
vae.interpolate("one text", "another text", steps=5)
vae.sample(3)
```

The model alone is `TransformerVAE.from_pretrained("FOLDER")`, a `PreTrainedModel` of transformers."""


def _architecture(model: dict[str, Any]) -> list[tuple[str, str]]:
    decoder = model.get("decoder")
    rows = [
        ("encoder", _network(model["encoder"])),
        ("decoder", "the encoder's architecture made causal" if decoder is None else _network(decoder)),
        ("latent units", str(model["latent_size"])),
        *((key, _inline(model[key])) for key in ("injection", "pooling", "prior") if key in model),
    ]
    return [*rows, ("encoder and decoder tied", "yes" if model.get("tie") else "no")]


def _network(side: str | dict[str, Any]) -> str:
    if isinstance(side, str):
        return f"pre-trained: {_public(side)}"
    return "new: " + ", ".join(f"{key} {value}" for key, value in side.items())


def _data(data: dict[str, Any]) -> str:
    if data.get("known"):
        source = f"The built-in corpus `{data['known']}`"
    elif data.get("hub"):
        source = f"The data set `{_public(data['hub'])}`"
    elif data.get("world"):
        source = f"Texts drawn from a language model (`{Path(data['world']).name}`)"
    else:
        source = f"Texts of `{Path(data['path']).name}`"
    rule = {"truncate": "truncated", "drop": "left out", "error": "refused"}.get(data.get("too_long", ""), "truncated")
    return f"{source}. Longest text: {data.get('max_length')} tokens (BOS and EOS included); longer ones are {rule}."


def _training(config: dict[str, Any], environment: dict[str, Any]) -> str:
    training, packages = config["training"], dict(environment.get("packages", {}))
    wanted = ("steps", "batch_size", "learning_rate", "schedule", "precision")
    rows = [(key, str(training[key])) for key in wanted if key in training]
    rows.append(("seed", str(config.get("seed", 0))))
    rows += [(name, packages[name]) for name in ("vaescope", "torch", "transformers") if name in packages]
    if environment.get("accelerators"):
        rows.append(("hardware", ", ".join(environment["accelerators"])))
    rows += [(key, environment[key]) for key in ("git", "time") if environment.get(key)]
    return _table(("setting", "value"), rows)


def _assessment(assessment: dict[str, Any] | None) -> str:
    if assessment is None:
        return "Not assessed yet: `vaescope assess RUN` measures the model and adds the table."
    metadata = assessment.get("metadata", {})
    head = (
        f"{metadata.get('texts')} texts of the split {metadata.get('split')}, {metadata.get('samples')} samples each."
    )
    rows = [
        (name, _number(e.get("value")), _number(e.get("se")), _interval(e), e["unit"], e["kind"])
        for name, e in assessment["estimates"].items()
    ]
    estimates = _table(("estimate", "value", "SE", "95% interval", "unit", "kind"), rows)
    findings = _table(
        ("verdict", "finding", "what was found"),
        [(f["verdict"], f["name"], f["message"]) for f in assessment.get("findings", [])],
    )
    return "\n\n".join([head, estimates, findings])


def _interval(estimate: dict[str, Any]) -> str:
    if estimate["kind"] == "exact":
        return ""
    return f"[{_number(estimate.get('low'))}, {_number(estimate.get('high'))}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _licence(path: Path) -> str:
    """The licence of the existing card."""
    if not path.exists():
        return UNKNOWN
    try:
        return str(ModelCard.load(path).data.get("license") or UNKNOWN)
    except Exception:  # the card is damaged or written by hand; it is rewritten
        return UNKNOWN


def _licence_words(licence: str) -> str:
    if licence == UNKNOWN:
        return "No licence has been named for this model; ask its maker before you use it."
    return f"`{licence}`. The texts that it was trained on have their own licences."


def _public(path: str) -> str:
    """A name that may be published: the last part of a path of this machine."""
    local = path.startswith((".", "~")) or Path(path).is_absolute() or Path(path).exists()
    return Path(path).name if local else path


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _inline(choice: str | dict[str, Any]) -> str:
    return choice if isinstance(choice, str) else json.dumps(choice)


def _block(choice: Any) -> str:
    words = choice if isinstance(choice, str) else yaml.safe_dump(choice, sort_keys=False).strip()
    return f"```yaml\n{words}\n```"


def _json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        content = read_json(path)
    except ValueError as error:
        raise UserError(f"{path}: damaged (not JSON); remove it, or make it again") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: damaged (no JSON object); remove it, or make it again")
    return content
