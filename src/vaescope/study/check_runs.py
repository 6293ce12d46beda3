"""check_runs: check the configurations of all runs of a study before the first run starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vaescope import choices
from vaescope.assessment.thresholds import Thresholds
from vaescope.config import RunConfig
from vaescope.corpora.corpus import Corpus, read_corpus
from vaescope.corpora.loader import check_batch_size
from vaescope.corpora.split import read_tokenizer
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError
from vaescope.examine.collect_references import check_components
from vaescope.model.build import plan_model
from vaescope.model.checkpoints.warm_start import source_of
from vaescope.objectives.objective import build_objective
from vaescope.runs.pareto import Criterion
from vaescope.study.plan import PlannedRun
from vaescope.training.goal import Goal
from vaescope.training.optimiser import check_learning_rates

T = TypeVar("T")

Progress = Callable[[int, int], None]


def check_runs(runs: Sequence[PlannedRun], source: str, progress: Progress | None = None) -> None:
    """Read the data and build the objective and the model of every run, without memory for its weights.

    Parts that several runs share are checked once. A run that has a folder is not checked again.

    Args:
        runs: the runs of a study.
        source: the file of the study, for messages.
        progress: called with the number of runs checked.

    Raises:
        UserError: names the file, the run, the key and the mistake.
    """
    tried = _Tried()
    for number, run in enumerate(runs, start=1):
        if not (run.config.out / "config.yaml").exists():
            try:
                _check(run.config, tried, starts_from_a_stage=run.after is not None)
            except UserError as error:
                raise UserError(f"{source}: run {run.name}: {error}") from error
        if progress is not None:
            progress(number, len(runs))


class _Tried:
    """Objects built from parts of configurations, by part."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def once(self, what: str, part: Any, make: Callable[[], T]) -> T:
        key = what + json.dumps(part, sort_keys=True, default=str)
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]


def _check(config: RunConfig, tried: _Tried, *, starts_from_a_stage: bool) -> None:
    objective = tried.once("objective", config.objective, lambda: build_objective(config.objective))
    data = config.data.model_dump(mode="json")
    corpus: Corpus = tried.once("data", data, lambda: read_corpus(config.data))
    training = config.training
    check_batch_size(len(corpus.train), training.batch_size, training.accumulate)
    objective.refuse_unreachable(dataset_size=len(corpus.train), batch_size=training.batch_size // training.accumulate)
    Thresholds.override(config.assessment.thresholds)
    Goal(training.until)
    check_learning_rates(training)
    for name in config.assessment.diagnostics:
        choices.load("diagnostics", name)
    check_components(config.assessment.components)
    for name, aim in (training.keep.criteria if training.keep is not None else {}).items():
        Criterion.parse(name, aim)
    named = [config.tokenizer.path, data.get("world")]
    tokenizer = tried.once("tokenizer", named, lambda: _tokenizer(config, corpus, trained=not any(named)))
    model = config.model.model_dump(mode="json")
    tried.once("model", [model, named, config.data.max_length], lambda: _plan(config, tokenizer))
    if config.model.init_from is not None and not starts_from_a_stage:
        source_of(Path(config.model.init_from))


def _tokenizer(config: RunConfig, corpus: Corpus, *, trained: bool) -> Any:
    """The tokenizer of a run; in place of one that is trained on the texts, which cannot fail, any other."""
    return train_bpe(corpus.train[:9], 300) if trained else read_tokenizer(config, corpus)


def _plan(config: RunConfig, tokenizer: Any) -> bool:
    plan_model(config.model, tokenizer, config.data.max_length)
    return True
