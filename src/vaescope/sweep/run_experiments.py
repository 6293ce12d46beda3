"""Run all experiments with a model on a few texts."""

from __future__ import annotations

from typing import Any

import torch

from vaescope.corpora.tokenized import Tokenized
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.draws import Draws
from vaescope.evidence.experiments import Experiments, Interpolation
from vaescope.evidence.simulations import Simulations
from vaescope.model.vae import TransformerVAE
from vaescope.randomness import seed_of
from vaescope.sweep.inference_experiments import anneal, optimise_posteriors
from vaescope.sweep.scoring import score
from vaescope.sweep.simulate import as_split, draw
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
    can_anneal = annealing_steps > 0 and drawn is not None and bool(drawn[0].finished.any())
    language_model = model.config.is_language_model
    return Experiments(
        tokens=tokens,
        attention=attention,
        inference=None if language_model else optimise_posteriors(model, tokenized, draws, texts=texts, seed=seed),
        annealed=anneal(model, *drawn, texts=texts, steps=annealing_steps, seed=seed)
        if can_anneal and drawn is not None
        else None,
        interpolation=None if language_model else _interpolation(model, tokenizer, tokenized, draws, texts, seed),
        repeated=_repeated(model, tokenized, draws, texts),
    )


def _repeated(model: TransformerVAE, tokenized: Tokenized, draws: Draws, texts: int) -> torch.Tensor | None:
    if draws.metadata.get("precision") != "fp32":
        return None
    again = sweep(model, tokenized, samples=1, group_tokens=1, seed=int(draws.metadata["seed"]), texts=texts)
    difference_P = (again.log_p_x_z[0] - draws.log_p_x_z[0, : again.texts]).abs()
    return difference_P / again.tokens


def _interpolation(
    model: TransformerVAE, tokenizer: Any, tokenized: Tokenized, draws: Draws, texts: int, seed: int
) -> Interpolation:
    """Paths from text i to text i + P of the first 2 P texts."""
    pairs = max(1, min(texts, draws.texts) // 2)
    steps_K = torch.linspace(0, 1, PATH_STEPS)
    start_PD, end_PD = draws.posterior_mean[:pairs].float(), draws.posterior_mean[pairs : 2 * pairs].float()
    path_KPD = torch.lerp(start_PD, end_PD, steps_K[:, None, None])
    own_KP = -score(model, tokenized, path_KPD, group_tokens=4096) / draws.tokens[:pairs]
    split = as_split(draw(model, path_KPD.flatten(0, 1), seed, None, temperature=0.0), tokenizer, tokenized.pad)
    decoded = sweep(model, split, samples=PATH_SAMPLES, seed=seed_of(seed, "paths"))
    bound = -log_mean_exp(decoded.log_weights) / decoded.tokens
    return Interpolation(steps=steps_K, start=own_KP.mT, decoded=bound.view(PATH_STEPS, pairs).mT)
