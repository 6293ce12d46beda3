"""All evidence of a model that is given by functions of strings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from vaescope.config import AssessmentConfig
from vaescope.errors import UserError
from vaescope.evidence.draws import Draws
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.experiments import Experiments
from vaescope.evidence.facts import Facts
from vaescope.evidence.references import References
from vaescope.evidence.simulations import Simulations
from vaescope.sweep.encode import encode
from vaescope.sweep.inference_experiments import optimise_posteriors
from vaescope.sweep.proposals import adapt_proposals
from vaescope.sweep.run_experiments import annealed, interpolation, repeated
from vaescope.sweep.scoring import Progress
from vaescope.sweep.simulate import simulate_with
from vaescope.sweep.string_model import StringModel, StringSampler, StringTexts, encoded
from vaescope.sweep.sweep import sweep
from vaescope.sweep.text_model import TextModel


def evidence_of(
    functions: TextModel,
    texts: Sequence[str],
    settings: AssessmentConfig,
    *,
    labels: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    training_texts: Sequence[str] = (),
    noise: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evidence:
    """Return what a model says of texts: a sweep with controls and, in the full suite, simulations and experiments.

    Args:
        functions: the model.
        texts: the N texts, which the model was not trained on.
        settings: those of an assessment: suite, samples, texts, simulations, annealing_steps and so on.
        labels: a label for each text, or such a list for each kind of label.
        training_texts: texts of its training, whose encodings make a density that bounds the information from above.
        noise: standard deviation of q(z|x) in place of that of ``encode``.
        seed: of the noise and of the drawn texts.
        progress: called with the number of texts done.

    Raises:
        UserError: fewer than 2 texts, or a function that does not return what it should.
    """
    split = StringTexts.of(list(texts)[: settings.texts], functions)
    if len(split) < 2:
        raise UserError(f"texts: expected at least 2, found {len(split)}")
    if noise is not None and not 0 < noise < float("inf"):
        raise UserError(f"noise: expected a positive number, found {noise:g}")
    size = encoded(functions, split.texts[:1], noise)[0].shape[1]
    model = StringModel(functions, size, noise)
    draws = sweep(
        model,
        split,
        samples=settings.samples,
        group_tokens=settings.group_tokens,
        precision=settings.precision,
        seed=seed,
        progress=progress,
    )
    given = {} if noise is None else {"noise": noise}
    draws = replace(draws, text_id=split.text_id, metadata=draws.metadata | given)
    kinds = {k: list(v)[: len(split)] for k, v in labels.items()} if isinstance(labels, Mapping) else labels
    facts = Facts(
        strings=split.texts,
        in_train=sum(map(set(training_texts).__contains__, split.texts)) if training_texts else None,
        labels=kinds if kinds is None or isinstance(kinds, dict) else list(kinds)[: len(split)],
    )
    references = _references(model, functions, split, training_texts[: settings.training_texts], settings)
    evidence = Evidence(draws, facts=facts, references=references).validate()
    return _full(model, split, evidence, settings, seed, progress) if settings.suite == "full" else evidence


def _references(
    model: StringModel, functions: TextModel, split: StringTexts, training: Sequence[str], settings: AssessmentConfig
) -> References:
    """Encode training texts; their numbers are in the numbering of the assessed texts."""
    if len(training) == 0:
        return References()
    found = encode(model, StringTexts.of(training, functions), group_tokens=settings.group_tokens)
    both = StringTexts([*split.texts, *training], torch.empty(0))
    return References(training=Encodings(found.mean, found.std, both.text_id[len(split) :]))


def _full(
    model: StringModel,
    split: StringTexts,
    evidence: Evidence,
    settings: AssessmentConfig,
    seed: int,
    progress: Progress | None,
) -> Evidence:
    """Add adapted proposals, drawn texts and experiments, as far as the functions allow."""
    draws, sampler, tokens = evidence.draws, StringSampler(model.functions), settings.group_tokens
    few = torch.arange(2)
    differentiable = model.has_gradient(split.batch(few), draws.posterior_mean[few].float())
    if differentiable:
        draws = adapt_proposals(model, split, draws, texts=settings.adapted_texts, group_tokens=tokens)
    drawn: tuple[Simulations, Any] | None = None
    if model.functions.sample is not None:
        count = settings.simulations
        drawn = simulate_with(model, sampler, draws, count=count, group_tokens=tokens, seed=seed, progress=progress)
    return replace(
        evidence,
        draws=draws,
        simulations=None if drawn is None else drawn[0],
        experiments=_experiments(model, sampler, split, draws, drawn, settings, seed, differentiable),
    )


def _experiments(
    model: StringModel,
    sampler: StringSampler,
    split: StringTexts,
    draws: Draws,
    drawn: tuple[Simulations, Any] | None,
    settings: AssessmentConfig,
    seed: int,
    differentiable: bool,
) -> Experiments:
    few, steps = settings.panel_texts, settings.annealing_steps
    found = Experiments(
        interpolation=interpolation(model, sampler, split, draws, few, seed),
        repeated=repeated(model, split, draws, few),
    )
    if not differentiable:
        return found
    return replace(
        found,
        inference=optimise_posteriors(model, split, draws, texts=few, seed=seed),
        annealed=annealed(model, drawn, texts=few, steps=steps, seed=seed),
    )
