"""Task: data, model and objective of a run, prepared from its configuration; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from transformers import PreTrainedTokenizerFast

from vaescope import choices
from vaescope.config import RunConfig, TokenizerConfig
from vaescope.corpora.batch import Batch
from vaescope.corpora.corpus import Corpus, read_corpus
from vaescope.corpora.ids_to_text import lost_text
from vaescope.corpora.loader import StepBatches
from vaescope.corpora.split import read_split, read_tokenizer
from vaescope.corpora.tokenized import OVERHEAD, Tokenized
from vaescope.model.backbone import enable_checkpointing
from vaescope.model.build import build_model
from vaescope.model.vae import TransformerVAE
from vaescope.objectives.objective import Objective, build_objective
from vaescope.randomness import seed_everything
from vaescope.runs.data_record import check_data
from vaescope.runs.run_folder import RunFolder
from vaescope.training.validation import fixed_subset
from vaescope.training.whitened_start import whiten


@dataclass(frozen=True)
class Task:
    """Data, model and objective of a run, before the first step.

    Attributes:
        config: the configuration.
        corpus: the texts.
        notes: remarks for the user about the texts, one line each.
        tokenizer: the tokenizer of the model.
        train: the training texts as tokens.
        valid: the fixed validation texts in batches.
        batches: the texts of every optimiser step.
        model: the model with its weights at the start.
        objective: what training minimises.
    """

    config: RunConfig
    corpus: Corpus
    notes: list[str]
    tokenizer: PreTrainedTokenizerFast
    train: Tokenized
    valid: list[Batch]
    batches: StepBatches
    model: TransformerVAE
    objective: Objective

    @property
    def micro_batch(self) -> float:
        """Number of texts in a forward pass of one process."""
        return self.config.training.batch_size / self.config.training.accumulate


def prepare(config: RunConfig, folder: RunFolder, accelerator: Accelerator) -> Task:
    """Read the data and build the model and the objective of a run; the folder is only read.

    All processes of a run have the same tokenizer: that of the folder, or the one that the first process makes.

    Raises:
        UserError: a configuration that cannot be met, or texts that have changed since the run was started.
    """
    settings, device = config.training, accelerator.device
    objective = build_objective(config.objective).to(device)
    for name in config.assessment.diagnostics:
        choices.load("diagnostics", name)
    corpus = read_corpus(config.data)
    started = folder.exists and folder.started
    if started:
        check_data(folder.path, corpus)
    tokenizer = (folder.load_tokenizer() if started else None) or _make_tokenizer(config, corpus, accelerator)
    train, valid = (read_split(corpus, config.data, tokenizer, split) for split in ("train", "valid"))
    seed_everything(config.seed)
    model = build_model(config.model, tokenizer, config.data.max_length).to(device)
    if settings.gradient_checkpointing:
        enable_checkpointing(model.decoder)
    notes = [*_without_effect(config), *corpus.notes, *corpus.repeated(), *train.notes, *valid.notes]
    notes += lost_text(train, tokenizer, f"{corpus.name} (train)")
    train, valid = model.readable(train), model.readable(valid)
    taken = config.model.init_from is not None and "encoder" in config.model.init_parts
    if not (started or taken or model.encoder is None) and model.posterior_head.family.start_std is not None:
        whiten(model, train)
    batches = StepBatches(
        train,
        batch_size=settings.batch_size,
        accumulate=settings.accumulate,
        group_tokens=settings.group_tokens,
        overhead=settings.group_tokens if model.packs else OVERHEAD,
        seed=config.seed,
        first_text=settings.first_text,
    )
    micro = settings.batch_size // (settings.accumulate * accelerator.num_processes)
    objective.refuse_unreachable(dataset_size=len(train), batch_size=micro)
    return Task(config, corpus, notes, tokenizer, train, fixed_subset(valid, config), batches, model, objective)


def _without_effect(config: RunConfig) -> list[str]:
    """Return a line for each setting that another one leaves without an effect."""
    given, default = config.tokenizer, TokenizerConfig()
    if given.vocab_size == default.vocab_size or (given.path is None and config.data.world is None):
        return []
    which = f"the saved one of {given.path}" if config.data.world is None else "that of data.world"
    return [f"tokenizer.vocab_size has no effect: the tokenizer is {which}"]


def _make_tokenizer(config: RunConfig, corpus: Corpus, accelerator: Accelerator) -> PreTrainedTokenizerFast:
    made: list[Any] = [None]
    if accelerator.is_main_process:
        made = [read_tokenizer(config, corpus)]
    return broadcast_object_list(made)[0]
