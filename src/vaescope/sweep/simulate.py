"""simulate: draw z ~ p(z) and x ~ p(x|z) from a model, and sweep the model over the drawn texts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vaescope.corpora.ids_to_text import spell
from vaescope.corpora.tokenized import Tokenized
from vaescope.evidence.draws import Draws
from vaescope.evidence.simulations import Simulations
from vaescope.model.vae import TransformerVAE
from vaescope.randomness import seed_of, seeded
from vaescope.sweep.scoring import Progress, device_of, evaluating, score
from vaescope.sweep.sweep import sample_prior, sweep

CHUNK = 64
"""Texts drawn at once, each chunk from its own stream; a constant, since the drawn texts depend on it."""


def simulate(
    model: TransformerVAE,
    tokenizer: Any,
    draws: Draws,
    *,
    count: int,
    group_tokens: int = 8_192,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Simulations, Tokenized]:
    """Draw ``count`` texts from p(x, z) and as many from p(x|z), z ~ q(z|x); return the simulations and their tokens.

    The drawn tokens are scored and encoded directly, without decoding them to strings, which may have another
    tokenisation. They get as many posterior samples as the texts of ``draws``, so that both sides are comparable.

    Args:
        model: the model, on any device.
        tokenizer: decodes the drawn tokens.
        draws: a sweep over the data's texts.
        count: number M of texts.
        group_tokens: tokens that the decoder scores at once.
        seed: of z and of the tokens.
        progress: called with the texts drawn and those to draw.
    """
    z_MD = sample_prior(model.prior, count, seed, "simulated z")
    drawn = draw(model, z_MD, seed_of(seed, "simulated texts"), progress)
    texts = as_split(drawn, tokenizer, model.config.pad_token_id)
    precision = draws.metadata.get("precision", "fp32")
    swept = sweep(
        model,
        texts,
        samples=draws.samples,
        group_tokens=group_tokens,
        seed=seed_of(seed, "simulated posteriors"),
        precision=precision,
    )
    seeds = torch.arange(min(count, draws.texts))
    resampled = draw(model, draws.z[0][seeds], seed_of(seed, "resampled texts"), None)
    greedy = draw(model, draws.posterior_mean[seeds], seed, None, temperature=0.0)
    found = Simulations(
        z=z_MD,
        sampler_log_p=torch.cat([part["log_prob"] for part in drawn]),
        log_p_x_z=score(model, texts, z_MD[None], group_tokens=group_tokens)[0],
        finished=torch.cat([part["finished"] & plain(part, model) for part in drawn]),
        draws=swept,
        strings=texts.texts,
        seeds=seeds,
        resampled=_strings(resampled, tokenizer),
        reconstructions=_strings(greedy, tokenizer),
    )
    return found, texts


def control_texts(model: TransformerVAE, tokenizer: Any, *, count: int, seed: int = 0) -> list[str]:
    """Return texts of another model (a language model) as a control."""
    z_MD = sample_prior(model.prior, count, seed, "z of the control")
    return _strings(draw(model, z_MD, seed_of(seed, "texts of the control"), None), tokenizer)


def draw(
    model: TransformerVAE,
    z_MD: Tensor,
    seed: int,
    progress: Progress | None,
    *,
    temperature: float = 1.0,
    at_once: int = CHUNK,
) -> list[dict[str, Tensor]]:
    """Draw a text for each z, in chunks whose randomness depends only on the seed, their size and their place."""
    parts, device = [], device_of(model)
    with evaluating(model):
        for chunk, z_CD in enumerate(z_MD.split(at_once)):
            with seeded(seed, "chunk", chunk, device=device):
                generated = model.sample(z_CD.to(device), temperature=temperature)
            parts.append({name: value.cpu() for name, value in vars(generated).items()})
            if progress is not None:
                progress(min((chunk + 1) * at_once, len(z_MD)), len(z_MD))
    return parts


def plain(part: dict[str, Tensor], model: TransformerVAE) -> Tensor:
    """Whether a drawn text has no BOS and no padding token, which texts of the data never contain and encoders
    misread."""
    ids_NT = part["input_ids"][:, 1:]
    strange_NT = (ids_NT == model.config.bos_token_id) | (ids_NT == model.config.pad_token_id)
    # a checkpoint may also use EOS to begin and to pad texts; here EOS only ends a text
    strange_NT &= ids_NT != model.config.eos_token_id
    return ~(strange_NT & part["attention_mask"][:, 1:].bool()).any(1)


def _strings(parts: list[dict[str, Tensor]], tokenizer: Any) -> list[str]:
    rows = []
    for part in parts:
        for ids, mask, finished in zip(part["input_ids"], part["attention_mask"], part["finished"], strict=True):
            inner = ids[mask.bool()].tolist()[1:]
            rows.append(inner[:-1] if finished else inner)
    return spell(rows, tokenizer)


def as_split(parts: list[dict[str, Tensor]], tokenizer: Any, pad: int) -> Tokenized:
    """The drawn tokens as texts of a split; every text has a token to predict, since BOS predicts one."""
    lengths_M = torch.cat([part["attention_mask"].sum(1) for part in parts])
    flat = torch.cat([part["input_ids"][part["attention_mask"].bool()] for part in parts])
    strings = _strings(parts, tokenizer)
    return Tokenized(
        ids=flat.int(),
        offsets=torch.cat([torch.zeros(1, dtype=torch.int64), lengths_M.cumsum(0)]),
        words=torch.tensor([len(text.split()) for text in strings]),
        bytes=torch.tensor([len(text.encode()) for text in strings]),
        texts=strings,
        pad=pad,
    )
