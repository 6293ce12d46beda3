"""adapt_proposals: the best Gaussian proposal of each text, found by gradient steps from q(z|x)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vaescope.estimators.gaussian import log_density
from vaescope.evidence.draws import Draws
from vaescope.randomness import seed_of
from vaescope.sweep.scoring import Model, Texts, autocast, device_of, evaluating, noise, score

STEPS = 60
LEARNING_RATE = 0.05
SAMPLES = 4
"""Samples of z for each step."""


def adapt_proposals(model: Model, tokenized: Texts, draws: Draws, *, texts: int, group_tokens: int = 8_192) -> Draws:
    r"""Return the draws with importance weights of S samples of an adapted proposal for the first ``texts`` texts.

    Log 1/S sum_s p(x|z_s) p(z_s) / r(z_s) bounds log p(x) in expectation for every density r from which the z_s are
    drawn. The bound is tighter if the weights vary less. q(z|x) is a poor r if the encoder is far from the posterior,
    as with objectives that hold the rate. Here r is the Gaussian that ``best_gaussians`` finds for each text (Kim,
    Wiseman, Miller, Sontag, Rush 2018, arXiv:1802.02550); the S samples are new, so r does not depend on them. The cost
    is that of about 700 samples per text.
    """
    count = min(texts, draws.texts)
    seed, precision, device = (
        seed_of(int(draws.metadata.get("seed", 0)), "adapted proposals"),
        draws.metadata["precision"],
        device_of(model),
    )
    mean_PD, log_std_PD = draws.posterior_mean[:count].float().clone(), draws.posterior_std[:count].float().log()
    # a gradient needs more memory than scoring, so fewer tokens are computed at once
    batches = tokenized.by_length(list(range(count)), max(1, group_tokens // (4 * SAMPLES)))
    with evaluating(model), autocast(model, precision):
        for batch in batches:
            start = mean_PD[batch.index].to(device), log_std_PD[batch.index].to(device)
            found = best_gaussians(model, batch.to(device), start, seed=seed, choosing=2 * SAMPLES)
            mean_PD[batch.index], log_std_PD[batch.index] = (tensor.cpu() for tensor in found)
    std_PD = log_std_PD.exp()
    z_SPD = mean_PD + std_PD * noise(seed_of(seed, "samples"), torch.arange(count), draws.samples, draws.latent_size)
    with torch.inference_mode():
        log_p_z = torch.stack([model.prior.log_prob(z_PD.to(device)).double().cpu() for z_PD in z_SPD])
    log_r = log_density(z_SPD.double(), mean_PD.double(), std_PD.double()).sum(-1)
    log_p_x_z = score(model, tokenized, z_SPD, group_tokens=group_tokens, precision=precision)
    return replace(draws, log_weights_adapted=log_p_x_z.double() + log_p_z - log_r)


def best_gaussians(
    model: Model, batch: Any, start: tuple[Tensor, Tensor], *, seed: int, choosing: int
) -> tuple[Tensor, Tensor]:
    """Maximise the ELBO of each text with Adam, from a given start; return the mean and log std, ``[P, D]`` each.

    Every step has new noise, and the optimum is the average of the second half of the path. If the start cannot be
    improved, the path is a random walk. So each text keeps its start unless the optimum is better on ``choosing``
    samples of other noise.
    """
    index_P, size = batch.index.cpu(), start[0].shape[1]
    begun = [tensor.detach().float().clone() for tensor in start]
    mean, log_std = (tensor.clone().requires_grad_() for tensor in begun)
    optimiser = torch.optim.Adam([mean, log_std], lr=LEARNING_RATE)
    average = [torch.zeros_like(tensor) for tensor in begun]
    for step in range(STEPS):
        drawn = noise(seed_of(seed, "step", step), index_P, SAMPLES, size).to(mean)
        elbo = log_weights(model, batch, mean, log_std, drawn).mean(0).sum()
        mean.grad, log_std.grad = torch.autograd.grad(-elbo, [mean, log_std])
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / STEPS)
        optimiser.step()
        if step >= STEPS // 2:
            average = [a + t.detach() / (STEPS - STEPS // 2) for a, t in zip(average, (mean, log_std), strict=True)]
    with torch.no_grad():
        other = noise(seed_of(seed, "choice"), index_P, choosing, size).to(mean)
        own, found = (scored(model, batch, gaussian, other).mean(0) for gaussian in (begun, average))
        best = [torch.where((found > own)[:, None], a, b) for a, b in zip(average, begun, strict=True)]
    return best[0], best[1]


def scored(model: Model, batch: Any, gaussian: Any, noise_SPD: Tensor) -> Tensor:
    """Return the log importance weights of the samples of Gaussians (mean, log std), ``[S, P]``, few at a time."""
    mean_PD, log_std_PD = gaussian
    parts = noise_SPD.split(SAMPLES)
    return torch.cat([log_weights(model, batch, mean_PD, log_std_PD, part) for part in parts]).double()


def log_weights(model: Model, batch: Any, mean_PD: Tensor, log_std_PD: Tensor, noise_SPD: Tensor) -> Tensor:
    """Return log p(x|z) + log p(z) - log r(z) at z = mean + std noise, ``[S, P]``."""
    z_SPD = mean_PD + log_std_PD.exp() * noise_SPD
    log_r = log_density(z_SPD, mean_PD, log_std_PD.exp()).sum(-1)
    return model.log_likelihood(batch, z_SPD).float() + model.prior.log_prob(z_SPD) - log_r
