"""What q(z|x) could be at best: a Gaussian optimised for each text, and log p(x) bounded from both sides."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vaescope.assessment.draws import Draws
from vaescope.assessment.panel import Annealed, Inference
from vaescope.assessment.scoring import device_of, evaluating, noise
from vaescope.assessment.simulations import Simulations
from vaescope.corpora.batch import Batch
from vaescope.corpora.tokenized import Tokenized
from vaescope.estimators import annealing
from vaescope.estimators.gaussian import log_density
from vaescope.estimators.importance import log_mean_exp
from vaescope.model.vae import TransformerVAE

STEPS = 60
LEARNING_RATE = 0.03
SAMPLES = 4
"""Samples of each step; the bounds that are reported take those of the sweep."""
CHAINS = 4


def optimised(model: TransformerVAE, tokenized: Tokenized, draws: Draws, *, texts: int, seed: int) -> Inference:
    """Return the ELBO of the encoder's and of the best Gaussian of each of the first texts, on common noise.

    The optimum is looked for by Adam with fresh noise in every step, and is the average of the second half of its path.
    Where a q(z|x) cannot be bettered the path only wanders, so each text keeps the encoder's Gaussian unless the found
    one is better on noise of its own; both are scored on noise that has chosen nothing.
    """
    index_P = torch.arange(min(texts, draws.texts))
    batch = tokenized.batch(index_P).to(device_of(model))
    start = draws.posterior_mean[index_P].to(device_of(model)), draws.posterior_std[index_P].to(device_of(model)).log()
    mean, log_std = (tensor.float().clone().requires_grad_() for tensor in start)
    optimiser = torch.optim.Adam([mean, log_std], lr=LEARNING_RATE)
    average = [torch.zeros_like(tensor) for tensor in start]
    with evaluating(model):
        for step in range(STEPS):
            drawn = noise(seed + 1000 + step, index_P, SAMPLES, draws.latent_size).to(mean)
            weights = _log_weights(model, batch, mean, log_std, drawn)
            mean.grad, log_std.grad = torch.autograd.grad(-weights.mean(0).sum(), [mean, log_std])
            optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / STEPS)
            optimiser.step()
            if step >= STEPS // 2:
                average = [a + t.detach() / (STEPS - STEPS // 2) for a, t in zip(average, (mean, log_std), strict=True)]
        choosing, scoring = (
            noise(seed + offset, index_P, draws.samples, draws.latent_size).to(mean) for offset in (11, 8)
        )
        with torch.no_grad():
            own, found = (_scored(model, batch, gaussian, choosing).mean(0) for gaussian in (start, average))
            best = [torch.where((found > own)[:, None], a, s) for a, s in zip(average, start, strict=True)]
            own_SP, best_SP = (_scored(model, batch, gaussian, scoring) for gaussian in (start, best))
    return Inference(amortised=own_SP.mean(0).cpu(), optimised=best_SP.mean(0).cpu(), log_p=log_mean_exp(best_SP).cpu())


def _scored(model: TransformerVAE, batch: Batch, gaussian: Sequence[Tensor], noise_SPD: Tensor) -> Tensor:
    """Log importance weights of the samples of a Gaussian (mean, log std) for each text, ``[S, P]``, float64."""
    mean_PD, log_std_PD = gaussian
    parts = noise_SPD.split(SAMPLES)
    return torch.cat([_log_weights(model, batch, mean_PD, log_std_PD, part) for part in parts]).double()


def annealed(model: TransformerVAE, simulations: Simulations, *, texts: int, steps: int, seed: int) -> Annealed:
    """Return bounds on log p(x) of the first drawn texts that ended, from below and from above."""
    assert simulations.tokenized is not None
    index_P = simulations.finished.nonzero().squeeze(1)[:texts]
    device = device_of(model)
    batch = simulations.tokenized.batch(index_P).to(device)
    generator = torch.Generator().manual_seed(seed + 9)
    chains = annealing.Chains(
        log_prior=model.prior.log_prob,
        log_likelihood=lambda z_CPD: model.log_likelihood(batch, z_CPD),
        step=torch.full((len(index_P),), 0.1, device=device),
        generator=generator,
    )
    with evaluating(model):
        start = torch.stack([model.prior.sample(len(index_P)).detach() for _ in range(CHAINS)])
        lower = annealing.forward(chains, start, steps)
        true_z = simulations.z[index_P].float().to(device).expand(CHAINS, -1, -1)
        upper = annealing.reverse(chains, true_z, steps)
    return Annealed(
        lower=log_mean_exp(lower),
        upper=upper.mean(0),
        importance=log_mean_exp(simulations.draws.log_weights[:, index_P]),
        accepted=chains.accepted,
    )


def _log_weights(model: TransformerVAE, batch: Batch, mean_PD: Tensor, log_std_PD: Tensor, noise_SPD: Tensor) -> Tensor:
    z_SPD = mean_PD + log_std_PD.exp() * noise_SPD
    log_q = log_density(z_SPD, mean_PD, log_std_PD.exp()).sum(-1)
    return model.log_likelihood(batch, z_SPD) + model.prior.log_prob(z_SPD) - log_q
