"""Draw texts from a language model with their exact log P(x), and score token sequences under the same P.

The format of what is drawn and the definition of P are those of ``corpora.world``; the drawing lives here because it
runs a model over many texts, which ``corpora`` may not import.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vaescope.corpora.tokenized import Tokenized
from vaescope.corpora.world import Drawn
from vaescope.model.backbone import head_of, key_value_shape
from vaescope.model.decoder import conditioned_states
from vaescope.model.sampling import ancestral_sample
from vaescope.model.vae import TransformerVAE
from vaescope.sweep.scoring import device_of, evaluating

AT_ONCE = 1_000
"""Most texts drawn together. Each text has its own random numbers, so this changes texts at most by rounding."""

CACHE_BYTES = 2**31
"""Most bytes of keys and values of the texts drawn together, were all of the greatest length."""

POSITIONS = 4_096
"""Largest number of tokens whose logits are in memory during scoring."""


def banned_tokens(model: TransformerVAE, tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """Return the tokens that no text may contain: special tokens except EOS, and embedding rows without a token.

    The unknown token is allowed, since a tokenizer may produce it.
    """
    special = set(tokenizer.all_special_ids) | {model.config.bos_token_id, model.config.pad_token_id}
    rows = head_of(model.decoder).tokens
    beyond = set(range(len(tokenizer), rows))
    return torch.tensor(
        sorted((special | beyond) - {model.config.eos_token_id, tokenizer.unk_token_id}), dtype=torch.int64
    )


def draw_texts(
    model: TransformerVAE, banned: Tensor, *, max_length: int, seed: int, stream: int, start: int, count: int
) -> Drawn:
    """Draw the texts ``start`` to ``start + count`` of a stream at temperature 1, with log P(x) of each.

    Args:
        model: a language model, on any device.
        banned: tokens of probability 0.
        max_length: the greatest number of tokens T, BOS and EOS included; EOS has probability 1 at place T.
        seed: of all streams.
        stream: an independent sequence of texts for each number (the splits of a corpus).
        start: the first text.
        count: how many.
    """
    layers, heads, size = key_value_shape(model.decoder.config)
    at_once = max(1, min(AT_ONCE, CACHE_BYTES // (2 * 4 * layers * heads * size * max_length)))
    parts = []
    with torch.inference_mode(), evaluating(model):
        for first in range(start, start + count, at_once):
            indices = range(first, min(first + at_once, start + count))
            uniform_NT = torch.from_numpy(np.stack([_uniform(seed, stream, i, max_length) for i in indices]))
            parts.append(_draw(model, banned, uniform_NT.to(device_of(model))))
    return Drawn.joined(parts)


def _uniform(seed: int, stream: int, index: int, count: int) -> np.ndarray:
    """Random numbers of one text, independent of the texts drawn with it."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, index, stream + 1])).random(count)


def _draw(model: TransformerVAE, banned: Tensor, uniform_NT: Tensor) -> Drawn:
    config, (texts, max_length) = model.config, uniform_NT.shape
    drawn = ancestral_sample(
        model.decoder,
        model.condition(torch.zeros(texts, config.latent_size, device=device_of(model))),
        texts,
        bos=config.bos_token_id,
        eos=config.eos_token_id,
        pad=config.pad_token_id,
        max_length=max_length - 1,
        uniform_NT=uniform_NT,
        banned=banned.to(device_of(model)),
    )
    forced_N = ~drawn.finished.cpu()
    mask_NT, ids_NT = drawn.attention_mask.bool().cpu(), drawn.input_ids.cpu()
    # the text that fills the length gets EOS, of probability 1 at that place
    end_N1 = torch.full((texts, 1), config.eos_token_id)
    flat = torch.cat([ids_NT, end_N1], 1)[torch.cat([mask_NT, forced_N[:, None]], 1)]
    return Drawn(flat.int(), mask_NT.sum(1) + forced_N, drawn.log_prob.double().cpu(), forced_N)


def log_prob(model: TransformerVAE, banned: Tensor, tokenized: Tokenized, *, max_length: int) -> Tensor:
    """Return log P(x) of each text by a pass over its whole token sequence, ``[N]``, float64.

    It is -inf for a text that holds a banned token or is longer than ``max_length``.
    """
    result_N = torch.full((len(tokenized),), -torch.inf, dtype=torch.float64)
    fits = (tokenized.lengths <= max_length).nonzero().flatten()
    device = device_of(model)
    with torch.inference_mode(), evaluating(model):
        for batch in tokenized.by_length(fits, POSITIONS):
            ids_NT, mask_NT = batch.input_ids.to(device), batch.attention_mask[:, 1:].bool().to(device)
            z_ND = torch.zeros(len(batch), model.config.latent_size, device=device)
            states = conditioned_states(model.decoder, ids_NT[:, :-1], model.condition(z_ND))
            logits_PV = head_of(model.decoder)(states[mask_NT]).float()
            logits_PV[:, banned.to(device)] = -torch.inf
            own_P1 = ids_NT[:, 1:][mask_NT].unsqueeze(1)
            log_p_P = (logits_PV.gather(1, own_P1).squeeze(1) - logits_PV.logsumexp(1)).double()
            log_p_NT = torch.zeros(mask_NT.shape, dtype=torch.float64, device=device).masked_scatter(mask_NT, log_p_P)
            # place T holds EOS for certain
            if log_p_NT.shape[1] == max_length - 1:
                ends_N = ids_NT[:, -1] == model.config.eos_token_id
                log_p_NT[:, -1] = torch.where(ends_N | ~mask_NT[:, -1], 0.0, -torch.inf)
            result_N[batch.index] = log_p_NT.sum(1).cpu()
    return result_N
