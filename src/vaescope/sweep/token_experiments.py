"""Token-by-token predictions of the decoder with z of the posterior and of the prior, and its attention to z."""

from __future__ import annotations

import torch
from torch import Tensor

from vaescope.corpora.batch import Batch
from vaescope.corpora.tokenized import Tokenized
from vaescope.estimators.categorical import jensen_shannon
from vaescope.evidence.draws import Draws
from vaescope.evidence.experiments import Tokens
from vaescope.model.vae import TransformerVAE
from vaescope.model.watch import watched_attention
from vaescope.randomness import seed_of
from vaescope.sweep.scoring import device_of, evaluating, noise
from vaescope.sweep.sweep import sample_prior

TEXTS_AT_ONCE = 8


def tokens_and_attention(
    model: TransformerVAE, tokenized: Tokenized, draws: Draws, *, texts: int, seed: int
) -> tuple[Tokens, Tensor | None]:
    """Return the predictions at every token of the first texts, and the attention on the slots, ``[L, T]``."""
    index_P = torch.arange(min(texts, draws.texts))
    fresh = noise(seed_of(seed, "a second z"), index_P, 1, draws.latent_size)[0]
    first = draws.z[0][index_P]
    second = draws.posterior_mean[index_P] + draws.posterior_std[index_P] * fresh
    z_3PD = torch.stack([first, second, sample_prior(model.prior, len(index_P), seed, "prior z of tokens")]).float()
    rows, attention = [], []
    with torch.inference_mode(), evaluating(model):
        for part in index_P.split(TEXTS_AT_ONCE):
            batch = tokenized.batch(part)
            row, mass = _batch(model, batch, z_3PD[:, part])
            rows.append(row)
            attention.append(mass)
    columns = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
    masses = None if attention[0] is None else torch.cat([mass for mass in attention if mass is not None], 1)
    return Tokens(**columns), masses


def _batch(model: TransformerVAE, batch: Batch, z_3BD: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
    on_device = batch.to(device_of(model))
    inputs = on_device.input_ids[:, :-1]
    with watched_attention(model.decoder) as masses:
        log_p = [model(inputs, z_BD.to(inputs.device)).logits.float().log_softmax(-1).cpu() for z_BD in z_3BD[:1]]
    log_p += [model(inputs, z_BD.to(inputs.device)).logits.float().log_softmax(-1).cpu() for z_BD in z_3BD[1:]]
    posterior, again, prior = log_p
    mask_BT, targets = batch.attention_mask[:, 1:].bool(), batch.input_ids[:, 1:]
    step_BT = torch.arange(1, mask_BT.shape[1] + 1).expand_as(mask_BT)
    row = {
        "position": (step_BT / batch.tokens[:, None])[mask_BT],
        "text": batch.index[:, None].expand_as(mask_BT)[mask_BT],
        "correct_posterior": (posterior.argmax(-1) == targets)[mask_BT].double(),
        "correct_prior": (prior.argmax(-1) == targets)[mask_BT].double(),
        "divergence": jensen_shannon(posterior[mask_BT], prior[mask_BT]),
        "divergence_null": jensen_shannon(posterior[mask_BT], again[mask_BT]),
    }
    mass = torch.stack([masses[layer].cpu()[mask_BT] for layer in sorted(masses)]) if masses else None
    return row, mass
