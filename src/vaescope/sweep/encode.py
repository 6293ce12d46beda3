"""Posteriors of texts from the encoder only, much cheaper than a sweep."""

from __future__ import annotations

import torch

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.evidence.encodings import Encodings
from vaescope.sweep.scoring import Model, Progress, Texts, as_read, autocast, device_of, evaluating


def encode(
    model: Model,
    tokenized: Texts,
    *,
    group_tokens: int = 8_192,
    precision: str = "fp32",
    progress: Progress | None = None,
) -> Encodings:
    """Return q(z|x) of every text of a split, float32, on the CPU.

    Args:
        model: the model, on any device.
        tokenized: the split.
        group_tokens: tokens that the encoder reads at once.
        precision: ``fp32``, or ``bf16`` for autocast.
        progress: called with the texts done and the number of texts.
    """
    tokenized = as_read(model, tokenized)
    count, done = len(tokenized), 0
    batches = tokenized.by_length(list(range(count)), group_tokens)
    means, stds = [], []
    with torch.inference_mode(), evaluating(model), autocast(model, precision):
        for batch in batches:
            posterior = DiagonalGaussian.of(model.encode(batch.to(device_of(model))))
            means.append(posterior.mean.float().cpu())
            stds.append(posterior.stddev.float().cpu())
            done += len(batch)
            if progress is not None:
                progress(done, count)
    order_N = torch.cat([batch.index for batch in batches]).argsort()
    return Encodings(torch.cat(means)[order_N], torch.cat(stds)[order_N])
