"""Run all experiments with a model on a few texts."""

from __future__ import annotations

from typing import Any

import torch

from vaescope.corpora.tokenized import Tokenized
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.draws import Draws
from vaescope.evidence.experiments import Annealed, Experiments, Interpolation
from vaescope.evidence.simulations import Simulations
from vaescope.model.vae import TransformerVAE
from vaescope.randomness import seed_of
from vaescope.sweep.drawn_texts import Sampler
from vaescope.sweep.inference_experiments import anneal, optimise_posteriors
from vaescope.sweep.scoring import Model, score
from vaescope.sweep.simulate import TokenSampler
from vaescope.sweep.sweep import sweep
from vaescope.sweep.token_experiments import tokens_and_attention

PATH_STEPS = 5
PATH_SAMPLES = 16


def experiment(
    model: TransformerVAE,
    tokenizer: Any,
    tokenized: Tokenized,
    draws: Draws,
    drawn: tuple[Simulations, Tokenized] | None = None,
    *,
    texts: int,
    annealing_steps: int = 0,
    seed: int = 0,
) -> Experiments:
    """Return the experiments on the first ``texts`` texts; annealing needs steps and texts drawn from the model."""
    tokens, attention = tokens_and_attention(model, tokenized, draws, texts=texts, seed=seed)
    sampler = TokenSampler(model, tokenizer)
    language_model = model.config.is_language_model
    return Experiments(
        tokens=tokens,
        attention=attention,
        inference=None if language_model else optimise_posteriors(model, tokenized, draws, texts=texts, seed=seed),
        annealed=annealed(model, drawn, texts=texts, steps=annealing_steps, seed=seed),
        interpolation=None if language_model else interpolation(model, sampler, tokenized, draws, texts, seed),
        repeated=repeated(model, tokenized, draws, texts),
    )


def annealed(
    model: Model, drawn: tuple[Simulations, Any] | None, *, texts: int, steps: int, seed: int
) -> Annealed | None:
    """Return bounds on log p(x) of the first drawn texts, or None without steps or texts that ended."""
    if steps == 0 or drawn is None or not bool(drawn[0].finished.any()):
        return None
    return anneal(model, *drawn, texts=texts, steps=steps, seed=seed)


def repeated(model: Model, tokenized: Any, draws: Draws, texts: int) -> torch.Tensor | None:
    """Return by how much log p(x|z) of the first texts changes when they are scored again one by one, per token."""
    if draws.metadata.get("precision") != "fp32":
        return None
    again = sweep(model, tokenized, samples=1, group_tokens=1, seed=int(draws.metadata["seed"]), texts=texts)
    difference_P = (again.log_p_x_z[0] - draws.log_p_x_z[0, : again.texts]).abs()
    return difference_P / again.tokens


def interpolation(
    model: Model, sampler: Sampler, tokenized: Any, draws: Draws, texts: int, seed: int
) -> Interpolation | None:
    """Return paths from text i to text i + P of the first 2 P texts, or None where no greedy text can be had."""
    pairs = max(1, min(texts, draws.texts) // 2)
    steps_K = torch.linspace(0, 1, PATH_STEPS)
    start_PD, end_PD = draws.posterior_mean[:pairs].float(), draws.posterior_mean[pairs : 2 * pairs].float()
    path_KPD = torch.lerp(start_PD, end_PD, steps_K[:, None, None])
    own_KP = -score(model, tokenized, path_KPD, group_tokens=4096) / draws.tokens[:pairs]
    greedy = sampler.greedy(path_KPD.flatten(0, 1))
    if greedy is None:
        return None
    decoded = sweep(model, greedy.split, samples=PATH_SAMPLES, seed=seed_of(seed, "paths"))
    bound = -log_mean_exp(decoded.log_weights) / decoded.tokens
    return Interpolation(steps=steps_K, start=own_KP.mT, decoded=bound.view(PATH_STEPS, pairs).mT)
