"""Generation: texts at points z by the options of transformers, which are no longer draws of p(x|z)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaescope.errors import UserError
from vaescope.model.sampling import Generated

if TYPE_CHECKING:
    from vaescope.model.vae import TransformerVAE


@dataclass(frozen=True)
class Generation:
    """How texts are chosen at z, if not as draws of p(x|z). The names of transformers are in brackets.

    Attributes:
        top_k: draw among this many most probable tokens (``top_k``); 0 for all.
        top_p: draw among the fewest tokens that have this much probability together (``top_p``).
        beams: search with this many beams (``num_beams``), which draws nothing.
        min_length: no text ends before this many tokens (``min_new_tokens``).
        no_repeat: no run of this many tokens appears twice (``no_repeat_ngram_size``); 0 lets them.

    Raises:
        UserError: a value out of range, or beams together with what concerns draws.

    >>> Generation(top_k=5).note
    'top_k 5: these texts are not draws of p(x|z)'
    """

    top_k: int = 0
    top_p: float = 1.0
    beams: int = 1
    min_length: int = 0
    no_repeat: int = 0

    def __post_init__(self) -> None:
        if min(self.top_k, self.min_length, self.no_repeat) < 0 or self.beams < 1:
            raise UserError("top_k, min_length and no_repeat must be at least 0, and beams at least 1")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p must be above 0 and at most 1, not {self.top_p}")
        if self.beams > 1 and (self.top_k or self.top_p < 1):
            raise UserError("beams search and draw nothing; leave out top_k and top_p")

    @property
    def note(self) -> str:
        """What the output must say of its texts; empty where nothing is changed."""
        changed = {k: v for k, v in vars(self).items() if v != type(self).__dataclass_fields__[k].default}
        settings = ", ".join(f"{name} {value:g}" for name, value in changed.items())
        return f"{settings}: these texts are not draws of p(x|z)" if settings else ""

    @torch.inference_mode()
    def generate(self, model: TransformerVAE, z_ND: Tensor, *, temperature: float) -> Generated:
        """Return one text for each z; temperature 0 takes the most probable token, or the best beam.

        ``log_prob`` is NaN: the probability of a text under this way of choosing is not known.
        """
        draws = temperature > 0 and self.beams == 1
        options: dict[str, Any] = {"do_sample": draws, "num_beams": self.beams, "num_return_sequences": 1}
        if draws:
            options |= {"temperature": temperature, "top_k": self.top_k, "top_p": self.top_p}
        length, config = model.config.text_length, model.config
        if self.min_length > length - 1:
            raise UserError(
                f"min_length is {self.min_length}, but texts of this model have at most {length - 1} tokens"
            )
        start = torch.full((len(z_ND), 1), config.bos_token_id, device=z_ND.device)
        ids: Any = model.generate(
            start,
            latents=z_ND,
            attention_mask=torch.ones_like(start),
            max_length=length,
            min_new_tokens=self.min_length or None,
            no_repeat_ngram_size=self.no_repeat,
            bos_token_id=config.bos_token_id,
            eos_token_id=config.eos_token_id,
            pad_token_id=config.pad_token_id,
            **options,
        )
        ended = (ids[:, 1:] == config.eos_token_id).long().cumsum(1)
        before = ended - (ids[:, 1:] == config.eos_token_id).long() == 0
        mask = torch.cat([torch.ones_like(ids[:, :1]), before.long()], 1)
        ids = torch.where(mask.bool(), ids, config.pad_token_id)
        unknown = torch.full((len(ids),), torch.nan, device=ids.device)
        return Generated(ids, mask, unknown, ended[:, -1] > 0)
