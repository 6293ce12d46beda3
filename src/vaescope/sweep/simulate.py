"""simulate: draw z ~ p(z) and x ~ p(x|z) from a model, and sweep the model over the drawn texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaescope.corpora.ids_to_text import spell
from vaescope.corpora.tokenized import Tokenized
from vaescope.evidence.draws import Draws
from vaescope.evidence.simulations import Simulations
from vaescope.model.vae import TransformerVAE
from vaescope.randomness import seed_of, seeded
from vaescope.sweep.drawn_texts import CHUNK, DrawnTexts, Sampler
from vaescope.sweep.scoring import Model, Progress, device_of, evaluating, score
from vaescope.sweep.sweep import sample_prior, sweep


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
    sampler = TokenSampler(model, tokenizer)
    return simulate_with(model, sampler, draws, count=count, group_tokens=group_tokens, seed=seed, progress=progress)


def simulate_with(
    model: Model,
    sampler: Sampler,
    draws: Draws,
    *,
    count: int,
    group_tokens: int = 8_192,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Simulations, Any]:
    """Do what ``simulate`` does, for any model and what draws texts from it."""
    z_MD = sample_prior(model.prior, count, seed, "simulated z")
    drawn = sampler.draw(z_MD, seed_of(seed, "simulated texts"), progress)
    precision = draws.metadata.get("precision", "fp32")
    swept = sweep(
        model,
        drawn.split,
        samples=draws.samples,
        group_tokens=group_tokens,
        seed=seed_of(seed, "simulated posteriors"),
        precision=precision,
    )
    seeds = torch.arange(min(count, draws.texts))
    resampled = sampler.draw(draws.z[0][seeds].float(), seed_of(seed, "resampled texts"))
    greedy = sampler.greedy(draws.posterior_mean[seeds].float())
    found = Simulations(
        z=z_MD,
        sampler_log_p=drawn.log_prob,
        log_p_x_z=score(model, drawn.split, z_MD[None], group_tokens=group_tokens)[0],
        finished=drawn.finished,
        draws=swept,
        strings=drawn.strings,
        seeds=seeds,
        resampled=resampled.strings,
        reconstructions=None if greedy is None else greedy.strings,
    )
    return found, drawn.split


@dataclass(frozen=True)
class TokenSampler:
    """Draws the tokens of a model of this package; a tokenizer makes strings of them."""

    model: TransformerVAE
    tokenizer: Any

    def draw(self, z_MD: Tensor, seed: int, progress: Progress | None = None) -> DrawnTexts:
        """Return a text from p(x|z) for each z."""
        return self._made(draw(self.model, z_MD, seed, progress))

    def greedy(self, z_MD: Tensor) -> DrawnTexts:
        """Return the text of the most probable tokens for each z."""
        return self._made(draw(self.model, z_MD, 0, None, temperature=0.0))

    def _made(self, parts: list[dict[str, Tensor]]) -> DrawnTexts:
        return DrawnTexts(
            as_split(parts, self.tokenizer, self.model.config.pad_token_id),
            torch.cat([part["finished"] & plain(part, self.model) for part in parts]),
            torch.cat([part["log_prob"] for part in parts]),
        )


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
