"""RunFolder: a run on disk, from its configuration to its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import yaml
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from vaescope.config import RunConfig, read_config
from vaescope.errors import UserError, no_such_run
from vaescope.model.checkpoints.card import write_card
from vaescope.model.vae import TransformerVAE
from vaescope.runs.environment import environment
from vaescope.runs.files import recover, whole_folder, write_json, write_text

IGNORED = ("out", "assessment")
"""Keys in which a run may be continued with another value: they do not touch training."""


class RunFolder:
    """The files of a run.

    Holds ``config.yaml`` (resolved), ``model/`` (weights and tokenizer, for ``from_pretrained``), ``tokenizer/``, where
    wanted ``pareto/`` (kept models) and ``snapshots/``, ``checkpoint/`` (to resume), ``metrics.jsonl``,
    ``environment.json`` (versions, hardware, git revision, command) and ``status.json`` (the step, why it stopped,
    which weights ``model/`` holds, and warnings: constraints not met).
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.model = self.path / "model"
        self.tokenizer = self.path / "tokenizer"
        self.checkpoint = self.path / "checkpoint"
        self.metrics_file = self.path / "metrics.jsonl"

    def open(self, config: RunConfig) -> None:
        """Create the folder for ``config``, or check that it was made for the same.

        Raises:
            UserError: it holds a run with another configuration (training.steps included: the learning rate is a
                function of it, so a longer run is another run).
        """
        file = self.path / "config.yaml"
        if file.exists():
            _refuse_difference(file, read_config(file), config)
        else:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.path / "environment.json", environment())
            write_text(file, yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))

    @property
    def config(self) -> RunConfig:
        """The resolved configuration.

        Raises:
            UserError: the folder is not a run.
        """
        if not (self.path / "config.yaml").exists():
            raise no_such_run(self.path)
        return read_config(self.path / "config.yaml")

    @property
    def status(self) -> dict[str, Any]:
        """How training ended: finished, step, reason, the weights in ``model/``, warnings; empty before."""
        file = self.path / "status.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def metrics(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the lines of ``metrics.jsonl``, of one kind (``train`` or ``validation``) or of both."""
        if not self.metrics_file.exists():
            return []
        lines = [_parsed(line) for line in self.metrics_file.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if line and (kind is None or line["kind"] == kind)]

    def cut_metrics(self, step: int) -> None:
        """Remove what was logged after ``step``, which training is about to log again."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["step"] <= step]
        write_text(self.metrics_file, "".join(kept))

    def log(self, line: dict[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def save_model(self, model: TransformerVAE, tokenizer: PreTrainedTokenizerFast, name: str = "model") -> None:
        """Write ``model/``, or a folder of another name beside it, with a card that says what it is."""
        made = json.loads((self.path / "environment.json").read_text(encoding="utf-8"))
        with whole_folder(self.path / name) as folder:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            write_card(folder, config=self.config.model_dump(mode="json"), environment=made)

    def load_model(self, name: str = "model") -> TransformerVAE:
        """Return the trained model, or a kept one by its name (``pareto/step-500``), in evaluation mode.

        Raises:
            UserError: training has not written such a model.
        """
        folder = self.path / name
        recover(folder)
        if not (folder / "config.json").exists():
            mend = "finish the run with vaescope train" if name == "model" else f"the kept ones are {self._kept()}"
            raise UserError(f"{self.path}: no {name}/ yet; {mend}")
        return TransformerVAE.from_pretrained(folder).eval()

    def _kept(self) -> str:
        kept = sorted(f"{f.parent.name}/{f.name}" for f in self.path.glob("pareto/step-*"))
        return ", ".join(kept) or "none: train with training.keep"

    def save_tokenizer(self, tokenizer: PreTrainedTokenizerFast) -> None:
        """Write ``tokenizer/``."""
        with whole_folder(self.tokenizer) as folder:
            tokenizer.save_pretrained(folder)

    def load_tokenizer(self) -> PreTrainedTokenizerFast | None:
        """Return the tokenizer of the run, or None before there is one."""
        recover(self.tokenizer)
        if not self.tokenizer.exists():
            return None
        return cast(PreTrainedTokenizerFast, AutoTokenizer.from_pretrained(self.tokenizer))


def _parsed(line: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        # the last line of a killed run may be cut
        return {}


def _refuse_difference(file: Path, old: RunConfig, new: RunConfig) -> None:
    before, after = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    for key in sorted(before.keys() | after.keys()):
        if key.split(".")[0] not in IGNORED and before.get(key) != after.get(key):
            raise UserError(
                f"{file}: this run has {key} = {before.get(key)!r}, not {after.get(key)!r}; "
                "give another out=FOLDER, or the old value to resume"
            )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat
