"""Collect all evidence about a run on a split: its sweep, what is known of the texts, other texts, experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from vaescope.config import AssessmentConfig
from vaescope.corpora.ids_to_text import recover
from vaescope.corpora.tokenized import Tokenized
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Baseline
from vaescope.evidence.references import References
from vaescope.examine.collect_facts import Labels, baseline_nll, in_train, labels_of
from vaescope.examine.collect_references import (
    exact_log_prob,
    further_texts,
    numbered_encodings,
    training_encodings,
)
from vaescope.examine.examined_run import Examined
from vaescope.examine.fit_flow import fit_flow
from vaescope.examine.training_record import last_multipliers
from vaescope.sweep.proposals import adapt_proposals
from vaescope.sweep.run_experiments import experiment
from vaescope.sweep.scoring import Progress
from vaescope.sweep.simulate import control_texts, simulate
from vaescope.sweep.sweep import sweep
from vaescope.sweep.text_space_weights import text_space_weights


def collect_evidence(
    run: Examined,
    split: str,
    settings: AssessmentConfig,
    *,
    labels: Path | None = None,
    control: Examined | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Return all that the diagnostics of the suite can use.

    Args:
        run: a trained run.
        split: ``train``, ``valid`` or ``test``.
        settings: of the assessment; ``suite``, ``samples``, ``texts``, ``components`` and ``flow`` are read here.
        labels: a file with one label per text of the split, or the name of a kind of label of the corpus.
        control: the run of a language model on the same texts.
        progress: called with the number of texts done.
    """
    tokenized = run.tokenized(split)
    known = labels_of(tokenized, run.corpus, run.config, split, labels)
    further = _further_texts(run, tokenized, split, settings)
    draws = sweep(
        run.model,
        tokenized,
        samples=settings.samples,
        texts=settings.texts,
        group_tokens=settings.group_tokens,
        precision=settings.precision,
        seed=run.config.seed,
        progress=progress,
    )
    evidence = _described(run, draws, tokenized, split, known)
    # the settings of this assessment, which may differ from those of the run's configuration
    evidence.draws.metadata["config"]["assessment"] = settings.model_dump(mode="json")
    if control is not None:
        nll = baseline_nll(control.model, control.tokenized(split), draws.texts, group_tokens=settings.group_tokens)
        evidence = replace(evidence, facts=replace(evidence.facts, language_model_nll=Baseline(per_text=nll)))
        evidence.draws.metadata["control"] = str(control.folder.path)
    if not run.model.config.is_language_model:
        found = _references(run, evidence.draws, (tokenized, further), split, settings, progress)
        evidence = replace(evidence, references=found)
    if settings.suite == "full":
        evidence = _with_experiments(run, evidence, tokenized, control, progress)
    return evidence


def _described(
    run: Examined,
    draws: Draws,
    tokenized: Tokenized,
    split: str,
    labels: Labels,
) -> Evidence:
    """Return the evidence of a sweep with the facts about its texts and the training.

    The exact entropy H(X) of a built-in corpus and the log-probability of each text are for whole texts, so they
    are used only if no text was truncated.
    """
    source: dict[str, Any] = {
        "run": str(run.folder.path),
        "checkpoint": run.checkpoint,
        "corpus": run.corpus.name,
        "split": split,
        "config": run.config.model_dump(mode="json"),
    }
    if multipliers := last_multipliers(run.folder, run.checkpoint):
        source["multipliers"] = multipliers
    ceilings = {"label_ceiling": labels.ceiling, "label_information": labels.information}
    source |= {name: value for name, value in ceilings.items() if value is not None}
    log_q_x = None
    if run.corpus.known is not None and not tokenized.truncated and not tokenized.dropped:
        source["entropy"] = run.corpus.known.entropy()
        log_q_x = run.corpus.known.log_prob(tokenized.texts[: draws.texts])
    if run.corpus.entropy is not None:
        source["entropy"], source["entropy_se"] = run.corpus.entropy
        log_q_x = run.corpus.drawn[split].log_prob[: draws.texts]
    text_id = tokenized.text_id[: draws.texts]
    known = Evidence.of(replace(draws, log_q_x=log_q_x, text_id=text_id, metadata=draws.metadata | source))
    found = recover(tokenized, run.tokenizer, draws.texts)
    facts = replace(
        known.facts,
        strings=found.strings,
        recovered=found.exact,
        recovered_words=found.words,
        in_train=in_train(tokenized, run.corpus, split, draws.texts),
        labels={kind: values[: draws.texts] for kind, values in labels.kinds.items()} or None,
    )
    return replace(known, facts=facts)


def _further_texts(run: Examined, tokenized: Tokenized, split: str, settings: AssessmentConfig) -> Tokenized | None:
    """Return further held-out texts as components of q(z), None where there are none or there is no latent."""
    given = None if settings.components is None else str(settings.components)
    if run.model.config.is_language_model or (split == "train" and given is None):
        return None
    assessed = len(tokenized) if settings.texts is None else min(settings.texts, len(tokenized))
    return further_texts(given, run.corpus, run.config, run.tokenizer, split, assessed)


def _references(
    run: Examined,
    draws: Draws,
    texts: tuple[Tokenized, Tokenized | None],
    split: str,
    settings: AssessmentConfig,
    progress: Progress | None,
) -> References:
    """Encode training texts and further texts, and in the full suite draw texts at z where P(x) is known.

    ``texts`` are those of the split and the further ones.
    """
    seed, (tokenized, further) = run.config.seed, texts
    assessed = tokenized.select(torch.arange(draws.texts))
    components, weights = None, None
    if further is not None:
        components = numbered_encodings(run.model, assessed, further, settings)
    wanted = settings.suite == "full" and settings.text_space_texts > 0 and draws.log_q_x is not None
    log_prob = exact_log_prob(run.corpus, run.config, run.tokenizer) if wanted else None
    if log_prob is not None:
        weights = text_space_weights(
            run.model,
            run.tokenizer,
            draws,
            log_prob,
            texts=settings.text_space_texts,
            drawn=settings.text_space_drawn,
            group_tokens=settings.group_tokens,
            seed=seed,
            progress=progress,
        )
    if split == "train":
        return References(components=components, text_space=weights)
    training = training_encodings(run.model, assessed, run.tokenized("train"), settings, seed=seed)
    fitted = fit_flow(training, draws, seed=seed) if settings.flow and training is not None else {}
    return References(training=training, components=components, log_densities=fitted, text_space=weights)


def _with_experiments(
    run: Examined, evidence: Evidence, tokenized: Tokenized, control: Examined | None, progress: Progress | None
) -> Evidence:
    """Add adapted proposals, texts drawn from the model, and experiments on a few texts."""
    settings, seed = run.config.assessment, run.config.seed
    count, tokens, draws = settings.simulations, settings.group_tokens, evidence.draws
    if not run.model.config.is_language_model:
        draws = adapt_proposals(run.model, tokenized, draws, texts=settings.adapted_texts, group_tokens=tokens)
    simulations, texts = simulate(
        run.model, run.tokenizer, draws, count=count, group_tokens=tokens, seed=seed, progress=progress
    )
    if control is not None:
        drawn = control_texts(control.model, control.tokenizer, count=count, seed=seed)
        simulations = replace(simulations, control=drawn)
    experiments = experiment(
        run.model,
        run.tokenizer,
        tokenized,
        draws,
        (simulations, texts),
        texts=settings.panel_texts,
        annealing_steps=settings.annealing_steps,
        seed=seed,
    )
    return replace(evidence, draws=draws, simulations=simulations, experiments=experiments)
