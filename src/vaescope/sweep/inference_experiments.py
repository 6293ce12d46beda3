"""The best possible q(z|x): a Gaussian optimised for each text, and log p(x) bounded from both sides."""

from __future__ import annotations

from typing import Any

import torch

from vaescope.estimators import annealing
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.draws import Draws
from vaescope.evidence.experiments import Annealed, Inference
from vaescope.evidence.simulations import Simulations
from vaescope.randomness import seed_of, stream
from vaescope.sweep.proposals import best_gaussians, scored
from vaescope.sweep.scoring import Model, device_of, evaluating, noise

CHAINS = 4


def optimise_posteriors(model: Model, tokenized: Any, draws: Draws, *, texts: int, seed: int) -> Inference:
    """Return the ELBO of the encoder's and of the best Gaussian of each of the first texts, on common noise.

    Both are scored on noise that was not used to choose the Gaussian.
    """
    index_P, device = torch.arange(min(texts, draws.texts)), device_of(model)
    batch = tokenized.batch(index_P).to(device)
    own = draws.posterior_mean[index_P].to(device).float(), draws.posterior_std[index_P].to(device).float().log()
    scoring = noise(seed_of(seed, "inference"), index_P, draws.samples, draws.latent_size).to(device)
    with evaluating(model):
        best = best_gaussians(model, batch, own, seed=seed_of(seed, "optimised"), choosing=draws.samples)
        with torch.no_grad():
            own_SP, best_SP = (scored(model, batch, gaussian, scoring) for gaussian in (own, best))
    return Inference(amortised=own_SP.mean(0).cpu(), optimised=best_SP.mean(0).cpu(), log_p=log_mean_exp(best_SP).cpu())


def anneal(model: Model, simulations: Simulations, tokenized: Any, *, texts: int, steps: int, seed: int) -> Annealed:
    """Return lower and upper bounds on log p(x) of the first drawn texts that ended."""
    index_P = simulations.finished.nonzero().squeeze(1)[:texts]
    device = device_of(model)
    batch = tokenized.batch(index_P).to(device)
    generator = stream(seed, "annealing")
    chains = annealing.Chains(
        log_prior=model.prior.log_prob,
        log_likelihood=lambda z_CPD: model.log_likelihood(batch, z_CPD),
        step=torch.full((len(index_P),), 0.1, device=device),
        generator=generator,
    )
    with evaluating(model):
        start = torch.stack([model.prior.sample(len(index_P)).detach().float() for _ in range(CHAINS)])
        lower = annealing.forward(chains, start, steps)
        true_z = simulations.z[index_P].float().to(device).expand(CHAINS, -1, -1)
        upper = annealing.reverse(chains, true_z, steps)
    return Annealed(
        lower=log_mean_exp(lower),
        upper=upper.mean(0),
        importance=log_mean_exp(simulations.draws.log_weights[:, index_P]),
        accepted=chains.accepted,
    )
