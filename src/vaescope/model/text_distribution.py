"""TextDistribution: p(x|z) at given points z, which scores texts and samples them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaescope.corpora.batch import Batch
from vaescope.errors import UserError
from vaescope.model.decoder import log_likelihood
from vaescope.model.sampling import Generated, ancestral_sample

if TYPE_CHECKING:
    from vaescope.model.vae import TransformerVAE


class TextDistribution:
    """p(x|z), a distribution over texts for each z of shape ``[B, D]`` or ``[S, B, D]``: ``TransformerVAE.decode(z)``.

    As for the distributions of z, ``log_prob`` scores texts and ``sample`` draws them.

    Raises:
        UserError: z is not of the latent size of the model.

    >>> from vaescope.model.build import tiny_model
    >>> model, batch = tiny_model()
    >>> model.decode(model.encode(batch).mean).log_prob(batch).shape
    torch.Size([2])
    """

    def __init__(self, model: TransformerVAE, z: Tensor) -> None:
        size = model.config.latent_size
        if z.shape[-1:] != (size,) or not 2 <= z.dim() <= 3:
            raise UserError(f"z has shape {list(z.shape)}, but this model needs [B, {size}] or [S, B, {size}]")
        self._model = model
        self.batch_shape = z.shape[:-1]
        self.conditioning = model.condition(z.reshape(-1, size))

    def log_prob(self, batch: Batch) -> Tensor:
        """Return log p(x|z) of the B texts in nats per text, ``[B]`` or ``[S, B]``, in float32 or wider.

        Raises:
            UserError: there are not as many texts as z.
        """
        lead, model = self.batch_shape, self._model
        if lead[-1] != len(batch):
            expected = f"[S, {len(batch)}, {model.config.latent_size}]"
            raise UserError(
                f"z has shape {[*lead, model.config.latent_size]}, but this batch and model need {expected}"
            )
        log_p = log_likelihood(
            model.decoder,
            batch.repeat(lead[0] if len(lead) == 2 else 1),
            self.conditioning,
            word_dropout=model.config.word_dropout if model.training else 0.0,
        )
        return log_p.view(lead)

    @torch.inference_mode()
    def sample(self, *, max_length: int | None = None, temperature: float = 1.0) -> Generated:
        """Draw one text for each z, in their order, with its log-probability; temperature 0 is greedy."""
        if temperature < 0:
            raise UserError(f"temperature must be 0 (greedy) or positive, not {temperature}")
        config = self._model.config
        return ancestral_sample(
            self._model.decoder,
            self.conditioning,
            self.batch_shape.numel(),
            bos=config.bos_token_id,
            eos=config.eos_token_id,
            pad=config.pad_token_id,
            max_length=max_length or config.text_length,
            temperature=temperature,
        )
