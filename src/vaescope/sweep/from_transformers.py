"""FromTransformers: networks of transformers with a Gaussian bottleneck, given by two functions of token ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from vaescope.errors import UserError
from vaescope.sweep.text_model import Sampled, TextModel

TOLERANCE = 1e-2
"""Nats, or units of z or of a logit, by which two ways to compute one number may differ in float32."""


@dataclass(frozen=True)
class FromTransformers:
    r"""Any encoder and any causal decoder of transformers, joined by z, as a model that can be assessed.

    Two functions say how mean and standard deviation come out of the encoder and how z goes into the decoder. This
    class does the rest: it frames texts by start and end, pads them, adds up

    .. math:: \log p(x|z) = \sum_t \log p(x_t | x_{<t}, z),

    and draws texts token by token, without a cache. Give it to ``vaescope.assess(model, texts)``, which first checks
    that the decoder is causal and that padding and repetition change nothing (``check``).

    Attributes:
        posterior: token ids and attention mask of the encoder, ``[B, T]`` each -> mean and standard deviation of
            q(z|x), ``[B, D]`` each.
        logits: token ids and attention mask of the decoder, ``[M, T]`` each, and z ``[M, D]`` -> logits of the token
            after each of these, ``[M, T, V]``, as transformers returns them.
        tokenizer: the tokenizer of the decoder.
        max_length: tokens of the longest text, its end counted; a longer text is refused.
        encoder_tokenizer: the tokenizer of the encoder with its own special tokens; None for that of the decoder.
        start: id of the token before a text; None for the BOS of the tokenizer. Encoder-decoders of transformers name
            it ``model.config.decoder_start_token_id``.
        end: id of the token after a text; None for the EOS of the tokenizer.
        prior: p(z), as of ``TextModel``; None for N(0, I).
        device: where the networks are.

    >>> from torch import nn
    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> from vaescope.corpora.tokenizer import train_bpe
    >>> tokenizer = train_bpe(["a text", "another text"], 300)
    >>> gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_embd=8, n_layer=1, n_head=1)).eval()
    >>> table, up = gpt2.transformer.wte, nn.Linear(2, 8)
    >>> def posterior(ids, mask):
    ...     mean = (table(ids) * mask[..., None]).sum(1)[:, :2]
    ...     return mean, torch.full_like(mean, 0.5)
    >>> def logits(ids, mask, z):
    ...     return gpt2(inputs_embeds=table(ids) + up(z)[:, None], attention_mask=mask).logits
    >>> model = FromTransformers(posterior, logits, tokenizer, max_length=16)
    >>> model.check(["a text", "another text"])
    >>> model.text_model.log_likelihood(["a text", "another text"], torch.zeros(3, 2, 2)).shape
    torch.Size([3, 2])
    """

    posterior: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    logits: Callable[[Tensor, Tensor, Tensor], Tensor]
    tokenizer: Any
    max_length: int
    encoder_tokenizer: Any = None
    start: int | None = None
    end: int | None = None
    prior: Any = None
    device: torch.device | str = "cpu"

    @property
    def text_model(self) -> TextModel:
        """The model by functions of strings."""
        return TextModel(
            encode=self._encode,
            log_likelihood=self._log_likelihood,
            sample=lambda z_MD: self._draw(z_MD, _sampled),
            decode=lambda z_MD: self._draw(z_MD, _most_probable).texts,
            prior=self.prior,
            count_tokens=lambda texts: [len(ids) + 1 for ids in self._ids(texts)],
        )

    def check(self, texts: Sequence[str]) -> None:
        """Compare ways to compute one number that must agree, on the shortest and the longest of the texts.

        Raises:
            UserError: dropout is on; padding changes q(z|x) or log p(x|z); the decoder reads tokens to the right; or
                an output of a wrong shape. The message names the function and the fix.
        """
        both = sorted(texts, key=len)
        short, long = both[:1], both[-1:]
        with torch.no_grad():
            z_MD, again = self._encode(short)[0], self._encode(short)[0]
            if _differ(z_MD, again):
                raise UserError("posterior: two calls differ; call eval() on the encoder, dropout is on")
            if _differ(z_MD, self._encode(short + long)[0][:1]):
                raise UserError("posterior: padding changes the mean; pass attention_mask on and leave padding out")
            z_1BD = z_MD[None].float().cpu()
            alone, repeated = (self._log_likelihood(short, z_1BD) for _ in range(2))
            if _differ(alone, repeated):
                raise UserError("logits: two calls differ; call eval() on the decoder, dropout is on")
            padded = self._log_likelihood(short + long, z_1BD.expand(1, 2, -1))[:, :1]
            if _differ(alone, padded):
                raise UserError("logits: padding changes log p(x|z) of a text; pass attention_mask on to the decoder")
            self._check_causal(long, z_MD)

    def _check_causal(self, text: list[str], z_1D: Tensor) -> None:
        ids_1T, mask_1T, targets_1T = self._framed(text)
        other_1T = ids_1T.clone()
        other_1T[:, -1] = targets_1T[:, -1] if ids_1T[0, -1] != targets_1T[0, -1] else ids_1T[0, 0] ^ 1
        found, changed = (self._checked_logits(ids, mask_1T, z_1D)[:, :-1] for ids in (ids_1T, other_1T))
        if ids_1T.shape[1] > 1 and _differ(found, changed):
            raise UserError(
                "logits: those of a token depend on the token that they predict; make the decoder causal "
                "(is_decoder=True) and give it the ids as they come"
            )

    def _encode(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        tokenizer = self.tokenizer if self.encoder_tokenizer is None else self.encoder_tokenizer
        ids_BT, mask_BT = _padded(tokenizer(list(texts))["input_ids"], self.device)
        return self.posterior(ids_BT, mask_BT)

    def _log_likelihood(self, texts: list[str], z_SBD: Tensor) -> Tensor:
        ids_BT, mask_BT, targets_BT = self._framed(texts)
        samples, count = z_SBD.shape[:2]
        ids_MT, mask_MT, targets_MT = (x.repeat(samples, 1) for x in (ids_BT, mask_BT, targets_BT))
        logits_MTV = self._checked_logits(ids_MT, mask_MT, z_SBD.flatten(0, 1))
        log_p_MT = -cross_entropy(logits_MTV.float().mT, targets_MT, reduction="none")
        return (log_p_MT * mask_MT).sum(1).view(samples, count).cpu()

    def _checked_logits(self, ids_MT: Tensor, mask_MT: Tensor, z_MD: Tensor) -> Tensor:
        found = self.logits(ids_MT, mask_MT, z_MD.to(self.device))
        lead, shape = list(ids_MT.shape), list(getattr(found, "shape", ()))
        if len(shape) != 3 or shape[:2] != lead:
            what = shape or type(found).__name__
            raise UserError(f"logits: expected a tensor [M, T, V] with [M, T] = {lead}, found {what}")
        largest = max(len(self.tokenizer) - 1, self._end)
        if shape[2] <= largest:
            raise UserError(f"logits: {shape[2]} tokens, but the tokenizer has ids up to {largest}; give its tokenizer")
        return found

    def _draw(self, z_MD: Tensor, choose: Callable[[Tensor], Tensor]) -> Sampled:
        """Return a text for each z, with the log-probability of its tokens under ``logits``.

        A text whose tokens are not those into which the tokenizer splits it has the log-probability NaN: the scorer
        reads other tokens.
        """
        count, z_MD = len(z_MD), z_MD.to(self.device)
        ids_MT = torch.full((count, 1), self._start, device=self.device)
        log_p_M = torch.zeros(count, device=self.device)
        open_M = torch.ones(count, dtype=torch.bool, device=self.device)
        with torch.no_grad():
            while ids_MT.shape[1] <= self.max_length and bool(open_M.any()):
                rows_MT = ids_MT[open_M]
                logits_RV = self._checked_logits(rows_MT, torch.ones_like(rows_MT), z_MD[open_M])[:, -1].float()
                next_R = choose(logits_RV)
                log_p_M[open_M] += logits_RV.log_softmax(-1).gather(1, next_R[:, None])[:, 0]
                next_M = torch.full((count,), self._end, device=self.device)
                next_M[open_M] = next_R
                ids_MT = torch.cat([ids_MT, next_M[:, None]], 1)
                open_M = open_M & (next_M != self._end)
        rows = [row[: row.index(self._end)] if self._end in row else row for row in ids_MT[:, 1:].tolist()]
        texts = list(map(self._joined, rows))
        same_M = torch.tensor([self._split(text) == row for text, row in zip(texts, rows, strict=True)])
        return Sampled(texts, log_p_M.cpu().where(same_M, torch.nan), ~open_M.cpu())

    def _framed(self, texts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the decoder reads, its mask, and what it predicts, ``[B, T]`` each."""
        rows = self._ids(texts)
        ids_BT, mask_BT = _padded([[self._start, *row] for row in rows], self.device)
        targets_BT, _ = _padded([[*row, self._end] for row in rows], self.device)
        return ids_BT, mask_BT, targets_BT

    def _ids(self, texts: list[str]) -> list[list[int]]:
        rows = [self._split(text) for text in texts]
        for text, row in zip(texts, rows, strict=True):
            if len(row) + 1 > self.max_length:
                raise UserError(
                    f"the text '{text[:30]}' has {len(row) + 1} tokens, but max_length is {self.max_length}; "
                    "leave such texts out, or raise it"
                )
        return rows

    def _joined(self, row: list[int]) -> str:
        text = self.tokenizer.decode(row, clean_up_tokenization_spaces=False)
        bare = text.removeprefix(" ")  # some tokenizers put a space before the first word by themselves
        return bare if self._split(bare) == row else text

    def _split(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []

    @property
    def _start(self) -> int:
        return _special(self.start, self.tokenizer.bos_token_id, "start", "BOS")

    @property
    def _end(self) -> int:
        return _special(self.end, self.tokenizer.eos_token_id, "end", "EOS")


def _special(given: int | None, own: int | None, name: str, token: str) -> int:
    found = own if given is None else given
    if found is None:
        raise UserError(f"{name}: the tokenizer has no {token} token; give {name}=ID")
    return found


def _padded(rows: list[list[int]], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return ids padded on the right by 0, and the mask, ``[B, T]`` each."""
    longest = max(map(len, rows))
    ids_BT = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=device)
    mask_BT = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
    return ids_BT, mask_BT


def _differ(a: Tensor, b: Tensor) -> bool:
    return bool(((a.float() - b.float()).abs() > TOLERANCE + 1e-3 * a.float().abs()).any())


def _sampled(logits_RV: Tensor) -> Tensor:
    return torch.multinomial(logits_RV.softmax(-1), 1)[:, 0]


def _most_probable(logits_RV: Tensor) -> Tensor:
    return logits_RV.argmax(-1)
