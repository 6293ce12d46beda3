"""sweep: one pass of a model over a split, which fills Draws.

The noise of a text depends only on the seed and the position of the text (a counter-based generator). So the draws do
not depend on the batches or on the number of texts.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vaescope.corpora.batch import Batch
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.estimators.gaussian import log_density
from vaescope.evidence.draws import Draws
from vaescope.randomness import seed_of, seeded, stream
from vaescope.sweep.scoring import Model, Prior, Progress, Texts, as_read, autocast, device_of, evaluating, noise, score

PRIOR_SAMPLES = 10_000


def sweep(
    model: Model,
    tokenized: Texts,
    *,
    samples: int,
    group_tokens: int = 8_192,
    seed: int = 0,
    precision: str = "fp32",
    texts: int | None = None,
    keep_z: int = 1,
    progress: Progress | None = None,
) -> Draws:
    """Encode every text once and score S samples of its posterior, one of another text's and one of the prior.

    Args:
        model: the model, on any device.
        tokenized: the split.
        samples: posterior samples S per text.
        group_tokens: tokens, over texts and samples, that the decoder scores at once.
        seed: of the noise.
        precision: ``fp32``, or ``bf16`` for autocast; densities of z are in float64 in any case.
        texts: number of texts, from the first on; all by default.
        keep_z: how many of the S samples of z are kept; the densities are kept for all S.
        progress: called with the texts done and the number of texts.
    """
    count = min(texts or len(tokenized), len(tokenized))
    tokenized = as_read(model, tokenized)
    batches = tokenized.by_length(list(range(count)), group_tokens)
    parts, done = [], 0
    with torch.inference_mode(), evaluating(model), autocast(model, precision):
        for batch in batches:
            parts.append(_sweep_batch(model, batch, samples, group_tokens, seed, keep_z))
            done += len(batch)
            if progress is not None:
                progress(done, count)
        standard = getattr(model.prior, "is_standard", False)
        prior_z = None if standard else sample_prior(model.prior, PRIOR_SAMPLES, seed, "prior samples")
    order_N = torch.cat([batch.index for batch in batches]).argsort()
    tensors: dict[str, Any] = {
        name: torch.cat([part[name] for part in parts], dim).index_select(dim, order_N)
        for name, dim in _TEXT_DIMENSION.items()
    }
    controls = _controls(model, tokenized, tensors["z"][0], group_tokens, seed, precision)
    return Draws(
        **tensors,
        **controls,
        words=tokenized.words[:count],
        bytes=tokenized.bytes[:count],
        prior_z=prior_z,
        metadata={"seed": seed, "precision": precision},
    )


_TEXT_DIMENSION = {
    "posterior_mean": 0,
    "posterior_std": 0,
    "z": 1,
    "log_p_x_z": 1,
    "log_p_z": 1,
    "log_q_z_x": 1,
    "tokens": 0,
}


def _sweep_batch(
    model: Model, batch: Batch, samples: int, group_tokens: int, seed: int, keep_z: int
) -> dict[str, Tensor]:
    device = device_of(model)
    on_device = batch.to(device)
    posterior = DiagonalGaussian.of(model.encode(on_device))
    mean_BD, std_BD = posterior.mean.float(), posterior.stddev.float()
    noise_SBD = noise(seed_of(seed, "posterior"), batch.index, samples, mean_BD.shape[1])
    at_once = max(1, group_tokens // batch.size)
    densities: dict[str, list[Tensor]] = {"log_p_x_z": [], "log_p_z": [], "log_q_z_x": []}
    kept: list[Tensor] = []
    for noise_CBD in noise_SBD.split(at_once):
        z_CBD = mean_BD + std_BD * noise_CBD.to(device)
        kept += list(z_CBD.cpu()) if len(kept) < keep_z else []
        wide = (z_CBD.double(), mean_BD.double(), std_BD.double())
        densities["log_q_z_x"].append(log_density(*wide).sum(-1))
        densities["log_p_z"].append(model.prior.log_prob(z_CBD))
        densities["log_p_x_z"].append(model.log_likelihood(on_device, z_CBD))
    return {
        "posterior_mean": mean_BD.cpu(),
        "posterior_std": std_BD.cpu(),
        "z": torch.stack(kept[:keep_z]),
        "tokens": batch.tokens,
        **{name: torch.cat(values).float().cpu() for name, values in densities.items()},
    }


def _controls(
    model: Model, tokenized: Texts, z_ND: Tensor, group_tokens: int, seed: int, precision: str
) -> dict[str, Any]:
    """log p(x|z) of each text with the z of another one and with z of the prior."""
    others_N = _others(len(z_ND), seed)
    wrong_2ND = torch.stack([z_ND[others_N], sample_prior(model.prior, len(z_ND), seed, "prior z")])
    shuffled_N, prior_N = score(model, tokenized, wrong_2ND, group_tokens=group_tokens, precision=precision)
    return {"log_p_x_z_shuffled": shuffled_N, "shuffled_from": others_N, "log_p_x_z_prior": prior_N}


def _others(count: int, seed: int) -> Tensor:
    """A permutation without fixed points: the next text on a random cycle."""
    circle_N = torch.randperm(count, generator=stream(seed, "other texts"))
    others_N = torch.empty(count, dtype=torch.int64)
    others_N[circle_N] = circle_N.roll(1)
    return others_N


def sample_prior(prior: Prior, n: int, seed: int, *purpose: str) -> Tensor:
    """Return n samples of p(z) for one purpose, on the CPU, ``[n, D]``; the global random state stays as it is."""
    # a prior of another program may have no device
    with seeded(seed, *purpose, device=getattr(prior, "device", None)), torch.inference_mode():
        return prior.sample(n).float().cpu()
