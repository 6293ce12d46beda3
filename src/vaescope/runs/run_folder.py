"""RunFolder: a run on disk, from its configuration to its weights."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any, cast

import yaml
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from vaescope.config import RunConfig, read_config
from vaescope.corpora.corpus import Corpus
from vaescope.errors import UserError, no_such_run
from vaescope.model.checkpoints.base_weights import save_without_base
from vaescope.model.checkpoints.card import write_card
from vaescope.model.vae import TransformerVAE
from vaescope.reading import read_json
from vaescope.runs.checksums import verify_checksums, write_checksums
from vaescope.runs.data_record import check_data, has_data_record, located, record_data
from vaescope.runs.environment import read_environment, record_start
from vaescope.runs.metrics import read_lines
from vaescope.runs.moved_base import moved_sides, record_move
from vaescope.runs.other_config import refuse_difference
from vaescope.writing import append_line, recover, whole_folder, write_text

log = logging.getLogger("vaescope")

ALL_STEPS = "all steps done"
"""The reason of a finished training that can be continued with more steps."""


class RunFolder:
    """The files of a run.

    Holds ``config.yaml`` (resolved), ``environment.json`` (versions, hardware, git revision and command of the start
    and of every resume), ``data.json`` (digests of the splits), ``tokenizer/``, ``model/`` (weights and tokenizer, for
    ``from_pretrained``), ``checkpoint/`` (to resume), ``metrics.jsonl``, ``status.json`` (the step, why training ended,
    which weights ``model/`` holds, and constraints that are not met), and optionally ``pareto/`` (kept models) and
    ``snapshots/``.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.model = self.path / "model"
        self.tokenizer = self.path / "tokenizer"
        self.checkpoint = self.path / "checkpoint"
        self.metrics_file = self.path / "metrics.jsonl"
        self.config_file = self.path / "config.yaml"

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"RunFolder('{self.path}')"

    @property
    def exists(self) -> bool:
        """Whether this is the folder of a run: a configuration, and one other file that only a run has."""
        marks = ("environment.json", "metrics.jsonl", "status.json", "checkpoint")
        return self.config_file.is_file() and any((self.path / mark).exists() for mark in marks)

    @property
    def started(self) -> bool:
        """Whether the run has made steps: it has a checkpoint, or has logged."""
        recover(self.checkpoint)
        return self.checkpoint.exists() or bool((self.path / "status.json").exists() or self.metrics())

    def check(self, config: RunConfig) -> None:
        """Check that training with ``config`` may write into this folder; nothing is written.

        A run that has not made a step yet may be replaced by one with another configuration.

        Raises:
            UserError: the folder holds something else, or a run with another configuration. For training, the keys
                of ``other_config.FREE`` may differ, and so may ``training.steps`` if the learning rate of the
                remaining steps does not depend on it: with ``schedule: constant`` after the warm-up.
        """
        if self.exists:
            if self.started:
                moved = has_data_record(self.path)
                refuse_difference(self.config_file, self.config, config, moved=moved, step=self.step)
        elif self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path}: a file is in the way; give another out=FOLDER")
        elif self.path.exists() and {file.name for file in self.path.iterdir()} - {"environment.json"}:
            raise UserError(f"{self.path}: not empty, and not the folder of a run; give another out=FOLDER")

    def claim(self, config: RunConfig, corpus: Corpus, tokenizer: PreTrainedTokenizerFast, *, step: int) -> None:
        """Write the first files of the run: call when everything is prepared and the input is known to be valid.

        Args:
            config: the configuration; if the data has moved, only its new place is written.
            corpus: the texts, whose digests are saved.
            tokenizer: written if there is none yet.
            step: the step from which training resumes, 0 for a start.
        """
        if self.exists and not self.started:
            self._forget()
        self.path.mkdir(parents=True, exist_ok=True)
        record_start(self.path, step)
        self._write_config(config)
        if not has_data_record(self.path):
            record_data(self.path, config.data, corpus)
        if not self.tokenizer.exists():
            self.save_tokenizer(tokenizer)

    def move_data(self, config: RunConfig, corpus: Corpus) -> None:
        """Record where the texts of the run are now.

        Raises:
            UserError: the texts differ from those of the run.
        """
        check_data(self.path, corpus)
        record_data(self.path, config.data, corpus)
        self._write_config(self.config.model_copy(update={"data": config.data}))

    def move_base(self, config: RunConfig) -> bool:
        """Record where the frozen weights of the run are now; return whether they have moved.

        Raises:
            UserError: they are other weights.
        """
        sides = moved_sides(self.config, config)
        record_move(self.path, sides)
        if sides:
            self._write_config(config.model_copy(update={"assessment": self.config.assessment}))
        return bool(sides)

    def _write_config(self, config: RunConfig) -> None:
        text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
        if not self.config_file.exists() or self.config_file.read_text(encoding="utf-8") != text:
            write_text(self.config_file, text)

    def _forget(self) -> None:
        """Remove the files of a start that made no step."""
        for name in ("config.yaml", "data.json", "metrics.jsonl"):
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.tokenizer, ignore_errors=True)

    @property
    def config(self) -> RunConfig:
        """The resolved configuration.

        Raises:
            UserError: the folder is not a run.
        """
        if not self.config_file.exists():
            raise no_such_run(self.path)
        config = read_config(self.config_file)
        return config.model_copy(update={"data": located(self.path, config.data)})

    @property
    def status(self) -> dict[str, Any]:
        """How training ended: finished, step, reason, the weights in ``model/``, warnings; empty before it ends.

        Raises:
            UserError: the file is damaged.
        """
        file = self.path / "status.json"
        if not file.exists():
            return {}
        try:
            status = read_json(file)
        except ValueError:
            status = None
        if not isinstance(status, dict) or not isinstance(status.get("finished", False), bool):
            raise UserError(f"{file}: damaged; remove it and run vaescope train again, which writes a new one")
        return status

    @property
    def step(self) -> int:
        """The last logged step, or 0."""
        return max((line["step"] for line in self.metrics()), default=0)

    def is_done(self, config: RunConfig) -> bool:
        """Whether training with ``config`` has nothing left to do: it ended, and ``config`` asks for no more steps."""
        status = self.status
        longer = status.get("reason") == ALL_STEPS and int(status.get("step", 0)) < config.training.steps
        return bool(status.get("finished", False)) and not longer

    def metrics(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the lines of ``metrics.jsonl``, of one kind (``train``, ``validation``, ``assessment``) or of all.

        Raises:
            UserError: a line is damaged.
        """
        return [line for line in read_lines(self.metrics_file) if kind is None or line.get("kind") == kind]

    def cut_metrics(self, step: int) -> None:
        """Remove what was logged after ``step``, which training is about to log again."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["step"] <= step]
        write_text(self.metrics_file, "".join(kept))

    def log(self, line: dict[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``."""
        append_line(self.metrics_file, json.dumps(line))

    def save_model(self, model: TransformerVAE, tokenizer: PreTrainedTokenizerFast, name: str = "model") -> None:
        """Write ``model/``, or a folder of another name, with checksums and a card that says what it is."""
        made = read_environment(self.path)
        with whole_folder(self.path / name) as folder:
            save_without_base(model, folder)
            tokenizer.save_pretrained(folder)
            write_card(folder, config=self.config.model_dump(mode="json"), environment=made)
            write_checksums(folder)

    def load_model(self, name: str = "model") -> TransformerVAE:
        """Return the trained model, or a kept one by its name (``pareto/step-500``), in evaluation mode.

        Raises:
            UserError: training has not written such a model, or its files are damaged.
        """
        if not name.strip("/ ."):
            raise UserError(f"checkpoint {name!r}: give model, or one of {self._kept()}")
        folder = self.path / name
        recover(folder)
        if not (folder / "config.json").exists():
            fix = "run vaescope train, which finishes it" if name == "model" else f"the kept ones are {self._kept()}"
            raise UserError(f"{self.path}: no {name}/ yet; {fix}")
        model = TransformerVAE.from_pretrained(folder).eval()
        verify_checksums(folder, fix="bring the file back, or train again")
        return model

    def _kept(self) -> str:
        kept = sorted(f"{f.parent.name}/{f.name}" for f in self.path.glob("pareto/step-*"))
        return ", ".join(kept) or "none: train with training.keep"

    def save_tokenizer(self, tokenizer: PreTrainedTokenizerFast) -> None:
        """Write ``tokenizer/``."""
        with whole_folder(self.tokenizer) as folder:
            tokenizer.save_pretrained(folder)

    def load_tokenizer(self) -> PreTrainedTokenizerFast | None:
        """Return the tokenizer of the run, or None before there is one.

        Raises:
            UserError: its files are damaged.
        """
        recover(self.tokenizer)
        if not self.tokenizer.exists():
            return None
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.tokenizer)
            # some damaged settings are only met in use
            tokenizer(["a"])
        except Exception as error:
            fix = f"copy the tokenizer files of {self.model} there" if self.model.exists() else "remove it"
            raise UserError(f"{self.tokenizer}: the tokenizer cannot be read; {fix}") from error
        for where_from in ("is_local", "local_files_only"):
            # these settings describe how it was loaded, so a resumed run must not save them
            tokenizer.init_kwargs.pop(where_from, None)
        return cast(PreTrainedTokenizerFast, tokenizer)
