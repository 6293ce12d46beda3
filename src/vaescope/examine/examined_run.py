"""Examined: a trained run, loaded to be assessed, sampled and shown."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from vaescope.config import RunConfig
from vaescope.corpora.corpus import Corpus, read_corpus
from vaescope.corpora.split import read_split
from vaescope.corpora.tokenized import Tokenized
from vaescope.errors import UserError
from vaescope.model.generation import Generation
from vaescope.model.latent_space import LatentSpace
from vaescope.model.vae import TransformerVAE
from vaescope.runs.data_record import check_data, has_data_record
from vaescope.runs.run_folder import RunFolder

log = logging.getLogger("vaescope")


@dataclass(frozen=True)
class Examined:
    """A run with its model on the fastest device of this machine.

    Attributes:
        folder: the files of the run.
        config: its configuration.
        model: its model, in evaluation mode.
        tokenizer: its tokenizer.
        checkpoint: which model of the run, as a folder of the run.
    """

    folder: RunFolder
    config: RunConfig
    model: TransformerVAE
    tokenizer: PreTrainedTokenizerFast
    checkpoint: str = "model"

    @classmethod
    def load(cls, path: Path, checkpoint: str = "model") -> Examined:
        """Read a run folder, with its final model or one that was kept (``pareto/step-500``).

        Raises:
            UserError: not a run folder, or a run without that model.
        """
        folder = RunFolder(path)
        config, model, tokenizer = folder.config, folder.load_model(checkpoint), folder.load_tokenizer()
        if tokenizer is None:
            raise UserError(f"{path}: no tokenizer/; finish the run with vaescope train")
        device = torch.accelerator.current_accelerator(check_available=True)
        if device is not None:
            torch.nn.Module.to(model, device)
        return cls(folder, config, model, tokenizer, checkpoint)

    def with_config(self, config: RunConfig) -> Examined:
        """Return the run with the assessment settings of another configuration of the same training."""
        return replace(self, config=config)

    @cached_property
    def corpus(self) -> Corpus:
        """The texts of the run: training, validation and test."""
        return read_corpus(self.config.data)

    def with_data_at(self, place: Path) -> Examined:
        """Return the run with its texts read from another place; they must be the same (``tokenized`` checks it)."""
        if self.config.data.path is None:
            raise UserError(f"{self.folder.path}: its texts are not files, so data.path has no effect")
        if not has_data_record(self.folder.path):
            log.warning("%s: a run without digests of its texts; those of %s are not checked", self.folder.path, place)
        data = self.config.data.model_copy(update={"path": place})
        return self.with_config(self.config.model_copy(update={"data": data}))

    def tokenized(self, split: str) -> Tokenized:
        """Return the texts of ``train``, ``valid`` or ``test`` as the run reads them.

        Raises:
            UserError: these or the training texts have changed since the run was started.
        """
        check_data(self.folder.path, self.corpus, ("train", split))
        return read_split(self.corpus, self.config.data, self.tokenizer, split)

    def sample(
        self, n: int, *, temperature: float = 1.0, seed: int = 0, generation: Generation | None = None
    ) -> list[str]:
        """Return n texts sampled from the model, as ``LatentSpace.sample``: z ~ p(z), x ~ p(x|z)."""
        space = LatentSpace(self.model, self.tokenizer)
        return space.sample(n, temperature=temperature, seed=seed, generation=generation)
