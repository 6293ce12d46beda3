"""Examined: a trained run, loaded to be assessed, sampled and shown."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from vaescope.assessment.assess import assess
from vaescope.assessment.assessment import Assessment
from vaescope.assessment.findings import worst_first
from vaescope.assessment.remedies import advised
from vaescope.config import AssessmentConfig, RunConfig
from vaescope.corpora.corpus import Corpus, read_corpus
from vaescope.corpora.ids_to_text import recover
from vaescope.corpora.split import read_split
from vaescope.corpora.tokenized import Tokenized
from vaescope.errors import UserError
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Baseline
from vaescope.evidence.references import References
from vaescope.model.generation import Generation
from vaescope.model.latent_space import LatentSpace
from vaescope.model.vae import TransformerVAE
from vaescope.runs.data_record import check_data, has_data_record
from vaescope.runs.run_folder import RunFolder
from vaescope.study.collect_facts import Labels, baseline_nll, in_train, labels_of
from vaescope.study.collect_references import exact_log_prob, further_texts, numbered_encodings, training_encodings
from vaescope.study.training_record import last_multipliers, training_findings
from vaescope.sweep.proposals import adapt_proposals
from vaescope.sweep.run_experiments import experiment
from vaescope.sweep.scoring import Progress
from vaescope.sweep.simulate import control_texts, simulate
from vaescope.sweep.sweep import sweep
from vaescope.sweep.text_space_weights import text_space_weights

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

    def assess(
        self,
        split: str,
        *,
        suite: str | None = None,
        samples: int | None = None,
        texts: int | None = None,
        labels: Path | None = None,
        components: str | None = None,
        control: Examined | None = None,
        progress: Progress | None = None,
    ) -> Assessment:
        """Return the assessment on a split; options default to the configuration.

        Args:
            split: ``train``, ``valid`` or ``test``.
            suite: ``fast``, or ``full``, which also draws texts from the model.
            samples: posterior samples per text.
            texts: assess only this many, the first.
            labels: a file with one label per text of the split, or the name of a kind of label of the corpus; by
                default all labels of the corpus, or the causes of a built-in one.
            components: a number of further held-out texts, or a file of them: components of q(z) that are only encoded;
                by default as ``further_texts`` says, and with 0 none.
            control: the run of a language model on the same texts: the baseline of distortion and of drawn texts.
            progress: called with the number of texts done.
        """
        options = {"suite": suite, "samples": samples, "texts": texts, "components": components}
        given = {name: value for name, value in options.items() if value}
        settings, tokenized = self.config.assessment.model_copy(update=given), self.tokenized(split)
        known = labels_of(tokenized, self.corpus, self.config, split, labels)
        draws = sweep(
            self.model,
            tokenized,
            samples=settings.samples,
            texts=settings.texts,
            group_tokens=settings.group_tokens,
            precision=settings.precision,
            seed=self.config.seed,
            progress=progress,
        )
        evidence = self._described(draws, tokenized, split, known)
        # the settings of this assessment, which may differ from those of the run's configuration
        evidence.draws.metadata["config"]["assessment"] = settings.model_dump(mode="json")
        if control is not None:
            nll = baseline_nll(control.model, control.tokenized(split), draws.texts, group_tokens=settings.group_tokens)
            evidence = replace(evidence, facts=replace(evidence.facts, language_model_nll=Baseline(per_text=nll)))
            evidence.draws.metadata["control"] = str(control.folder.path)
        if not self.model.config.is_language_model:
            evidence = replace(evidence, references=self._references(evidence, tokenized, split, settings, progress))
        if settings.suite == "full":
            evidence = self._with_experiments(evidence, tokenized, control, progress)
        found = assess(evidence, suite=settings.suite, also=settings.diagnostics, thresholds=settings.thresholds)
        trained = advised(training_findings(self.folder, self.checkpoint), found.estimates, found.metadata)
        return replace(found, findings=worst_first([*found.findings, *trained]))

    def _described(self, draws: Draws, tokenized: Tokenized, split: str, labels: Labels) -> Evidence:
        """Return the evidence of a sweep with the facts about its texts and the training.

        The exact entropy H(X) of a built-in corpus and the log-probability of each text are for whole texts, so they
        are used only if no text was truncated.
        """
        source: dict[str, Any] = {
            "run": str(self.folder.path),
            "checkpoint": self.checkpoint,
            "corpus": self.corpus.name,
            "split": split,
            "config": self.config.model_dump(mode="json"),
        }
        if multipliers := last_multipliers(self.folder, self.checkpoint):
            source["multipliers"] = multipliers
        ceilings = {"label_ceiling": labels.ceiling, "label_information": labels.information}
        source |= {name: value for name, value in ceilings.items() if value is not None}
        log_q_x = None
        if self.corpus.known is not None and not tokenized.truncated and not tokenized.dropped:
            source["entropy"] = self.corpus.known.entropy()
            log_q_x = self.corpus.known.log_prob(tokenized.texts[: draws.texts])
        if self.corpus.entropy is not None:
            source["entropy"], source["entropy_se"] = self.corpus.entropy
            log_q_x = self.corpus.drawn[split].log_prob[: draws.texts]
        text_id = tokenized.text_id[: draws.texts]
        known = Evidence.of(replace(draws, log_q_x=log_q_x, text_id=text_id, metadata=draws.metadata | source))
        found = recover(tokenized, self.tokenizer, draws.texts)
        facts = replace(
            known.facts,
            strings=found.strings,
            recovered=found.exact,
            recovered_words=found.words,
            in_train=in_train(tokenized, self.corpus, split, draws.texts),
            labels={kind: values[: draws.texts] for kind, values in labels.kinds.items()} or None,
        )
        return replace(known, facts=facts)

    def _references(
        self,
        evidence: Evidence,
        tokenized: Tokenized,
        split: str,
        settings: AssessmentConfig,
        progress: Progress | None,
    ) -> References:
        """Encode training texts and further texts, and in the full suite draw texts at z where P(x) is known."""
        draws, seed, given = evidence.draws, self.config.seed, settings.components
        assessed = tokenized.select(torch.arange(draws.texts))
        components, weights = None, None
        if split != "train" or given is not None:
            further = further_texts(given, self.corpus, self.config, self.tokenizer, split, draws.texts)
            if further is not None:
                components = numbered_encodings(self.model, assessed, further, settings)
        wanted = settings.suite == "full" and settings.text_space_texts > 0 and draws.log_q_x is not None
        log_prob = exact_log_prob(self.corpus, self.config, self.tokenizer) if wanted else None
        if log_prob is not None:
            weights = text_space_weights(
                self.model,
                self.tokenizer,
                draws,
                log_prob,
                texts=settings.text_space_texts,
                drawn=settings.text_space_drawn,
                group_tokens=settings.group_tokens,
                seed=seed,
                progress=progress,
            )
        training = None
        if split != "train":
            training = training_encodings(self.model, assessed, self.tokenized("train"), settings, seed=seed)
        return References(training=training, components=components, text_space=weights)

    def _with_experiments(
        self, evidence: Evidence, tokenized: Tokenized, control: Examined | None, progress: Progress | None
    ) -> Evidence:
        """Add adapted proposals, texts drawn from the model, and experiments on a few texts."""
        settings, seed = self.config.assessment, self.config.seed
        count, tokens, draws = settings.simulations, settings.group_tokens, evidence.draws
        if not self.model.config.is_language_model:
            draws = adapt_proposals(self.model, tokenized, draws, texts=settings.adapted_texts, group_tokens=tokens)
        simulations, texts = simulate(
            self.model, self.tokenizer, draws, count=count, group_tokens=tokens, seed=seed, progress=progress
        )
        if control is not None:
            drawn = control_texts(control.model, control.tokenizer, count=count, seed=seed)
            simulations = replace(simulations, control=drawn)
        experiments = experiment(
            self.model,
            self.tokenizer,
            tokenized,
            draws,
            (simulations, texts),
            texts=settings.panel_texts,
            annealing_steps=settings.annealing_steps,
            seed=seed,
        )
        return replace(evidence, draws=draws, simulations=simulations, experiments=experiments)

    def sample(
        self, n: int, *, temperature: float = 1.0, seed: int = 0, generation: Generation | None = None
    ) -> list[str]:
        """Return n texts sampled from the model, as ``LatentSpace.sample``: z ~ p(z), x ~ p(x|z)."""
        space = LatentSpace(self.model, self.tokenizer)
        return space.sample(n, temperature=temperature, seed=seed, generation=generation)
