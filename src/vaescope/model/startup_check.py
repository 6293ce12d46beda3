"""The start-up check: a few tokens test that the model does what its configuration says, before it is used."""

from __future__ import annotations

import logging
from typing import cast

import torch
from torch import Tensor
from torch.func import functional_call
from transformers import DynamicCache

from vaescope.corpora.batch import Batch
from vaescope.errors import UserError
from vaescope.model.attention import LATENT_ATTENTION
from vaescope.model.backbone import head_of, in_one_line
from vaescope.model.decoder import conditioned_states
from vaescope.model.encoder import token_states
from vaescope.model.kernels.vocabulary import token_log_probs
from vaescope.model.vae import TransformerVAE

log = logging.getLogger("vaescope")

TOKENS = 4
"""Tokens of each text of the check, for networks that attend to whole texts."""


@torch.inference_mode()
def check_model(model: TransformerVAE) -> None:
    """Check p(x|z) and q(z|x) of a model that was built or loaded, whatever its networks are.

    z must move the logits of every position; the scorer must give a few tokens the log p of the network's own forward
    pass (with its own attention and without z); the cache of generation must not change it; and q(z|x) must read a
    position that has seen the text. Otherwise an architecture that ignores the latent memory, or changes its logits
    after the head, would be trained and assessed with wrong numbers. The global random state is not advanced. A model
    without weights (on the meta device) is not checked.

    Raises:
        UserError: one of these does not hold, in one line.
    """
    if any(parameter.is_meta for parameter in model.parameters()):
        return
    was_training = model.training
    model.eval()
    try:
        with in_one_line(model.decoder.config):
            noise = torch.Generator(device="cpu").manual_seed(0)
            texts = _texts(model, model.decoder.config.vocab_size, noise)
            z = torch.randn(len(texts), model.config.latent_size, generator=noise).to(model.device)
            if not model.config.is_language_model and not _reacts(model, texts.input_ids, z, noise):
                raise _refusal(model, "does not react to z at every position")
            _check_scorer(model, texts)
            _check_cache(model, texts, z)
        if model.encoder is not None:
            _check_encoder(model, noise)
    finally:
        model.train(was_training)


def _texts(model: TransformerVAE, vocabulary: int, noise: torch.Generator) -> Batch:
    """Return two random texts after one BOS, longer than a sliding window that texts can exceed.

    They contain no padding token of the texts or of a network, since some networks treat it specially.
    """
    window = getattr(model.decoder.config, "sliding_window", None) or model.config.text_length
    tokens = TOKENS if window >= model.config.text_length else max(TOKENS, window + 3)
    ids = torch.randint(0, vocabulary, (2, min(tokens, model.config.text_length)), generator=noise)
    sides = [side.config for side in (model.encoder, model.decoder) if side is not None]
    found = (getattr(config, "pad_token_id", None) for config in (model.config, *sides))
    padding = {int(pad) for pad in found if pad is not None}
    # the next token may be another padding token, so replace as often as there are padding tokens
    for pad in sorted(padding) * len(padding):
        ids = torch.where(ids == pad, (ids + 1) % vocabulary, ids)
    bos = -1 if model.config.bos_token_id is None else model.config.bos_token_id
    ids[:, 0] = bos if 0 <= bos < vocabulary else ids[0, 0]
    ids = ids.to(model.device)
    return Batch(ids, torch.ones_like(ids), torch.arange(len(ids)))


def _reacts(model: TransformerVAE, ids: Tensor, z: Tensor, noise: torch.Generator) -> bool:
    # an injection that starts as the identity has an effect only after its parameters have changed
    nudged = {
        f"injections.{name}": p + 0.1 * torch.randn(p.shape, generator=noise).to(p)
        for name, p in model.injections.named_parameters()
    }
    first, second = (functional_call(model, nudged, (ids, value)).logits for value in (z, z + 1))
    return bool(((first - second).abs().amax((0, 2)) > 0).all())


def _check_scorer(model: TransformerVAE, texts: Batch) -> None:
    states_NTH, targets_NT = conditioned_states(model.decoder, texts.input_ids, {})[:, :-1], texts.input_ids[:, 1:]
    log_p_P = token_log_probs(model.decoder, states_NTH.flatten(0, 1), targets_NT.flatten())
    found_N = log_p_P.view_as(targets_NT).sum(1)
    head = head_of(model.decoder)(states_NTH)
    model.decoder.set_attn_implementation("eager")
    try:
        logits = model.decoder(input_ids=texts.input_ids, use_cache=False).logits
    finally:
        model.decoder.set_attn_implementation(LATENT_ATTENTION)
    own_N, head_N = (
        _log_softmax(x, found_N.dtype).gather(2, targets_NT.unsqueeze(2)).sum((1, 2)) for x in (logits[:, :-1], head)
    )
    for a_N in (found_N, head_N):
        if not _agree(model, a_N, own_N):
            raise _refusal(model, f"scores {_shown(a_N)} nats where its own forward pass scores {_shown(own_N)}")


def _check_cache(model: TransformerVAE, texts: Batch, z: Tensor) -> None:
    """Compare the last token's log p with a cache, from which the first text was removed, with that without a cache."""
    ids, conditioning = texts.input_ids, model.condition(z)
    head, last = head_of(model.decoder), slice(-1, None)
    states = conditioned_states(model.decoder, ids[:, :-1], conditioning)[last, last]
    cache = DynamicCache(config=model.decoder.config)
    conditioned_states(model.decoder, ids[:, :1], conditioning, cache=cache)
    cache.batch_select_indices(torch.tensor([len(ids) - 1], device=ids.device))
    kept = {place: value[last] for place, value in conditioning.items()}
    for start in range(1, ids.shape[1] - 1):
        token = ids[last, start : start + 1]
        cached = conditioned_states(model.decoder, token, kept, start=start, cache=cache)
    whole, stepwise = (_log_softmax(head(h), torch.float32)[..., ids[-1, -1]] for h in (states, cached))
    if not _agree(model, stepwise, whole):
        what = f"gives a token {_shown(stepwise)} nats in generation, with its cache, and {_shown(whole)} without"
        raise _refusal(model, what)


def _check_encoder(model: TransformerVAE, noise: torch.Generator) -> None:
    """Refuse a pooling by which q(z|x) is the same for texts that have only their first token in common."""
    kind = model.encoder.config.model_type
    rows = cast(Tensor, model.encoder.get_input_embeddings().weight).shape[0]
    texts = _texts(model, rows, noise)
    pooled_BH = model.posterior_head.pool(token_states(model.encoder, texts), texts.attention_mask).float()
    seen_H = (pooled_BH[0] - pooled_BH[1]).abs() > 1e-6 * pooled_BH.abs().max()
    blind = [not part.any() for part in seen_H.chunk(2 if model.config.pooling == "first_last" else 1)]
    fix = "set model.pooling to last or mean"
    if all(blind):
        raise UserError(
            f"encoder '{kind}' is causal, so its first token has seen nothing of the text, and model.pooling="
            f"{model.config.pooling} makes q(z|x) the same for every text; {fix}"
        )
    if any(blind):
        log.warning("encoder '%s' is causal: pooling first_last reads a token that has seen nothing; %s", kind, fix)


def _log_softmax(logits: Tensor, dtype: torch.dtype) -> Tensor:
    return logits.to(dtype).log_softmax(-1)


def _agree(model: TransformerVAE, a_N: Tensor, b_N: Tensor) -> bool:
    tolerance = max(1e-3, 4 * torch.finfo(model.decoder.dtype).eps)
    return torch.allclose(a_N.double(), b_N.double(), atol=tolerance, rtol=tolerance)


def _shown(log_p_N: Tensor) -> str:
    return f"{log_p_N.sum().item():.3f}"


def _refusal(model: TransformerVAE, what: str) -> UserError:
    return UserError(f"decoder '{model.decoder.config.model_type}' {what}; use gpt2, roberta, bert or llama")
