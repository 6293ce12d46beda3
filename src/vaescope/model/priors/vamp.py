"""Vamp: the average of the posteriors of learned pseudo-inputs, computed by the encoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from transformers import initialization as init
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian, GaussianMixture
from vaescope.model.prior import Prior

if TYPE_CHECKING:
    from vaescope.model.vae import TransformerVAE

Encode = Callable[[Tensor], DiagonalGaussian]


class Vamp(Prior):
    r"""VampPrior: :math:`p(z) = \frac1K \sum_k q(z|u_k)` with q of the encoder and learned pseudo-inputs u.

    A text cannot be learned by gradients, so a pseudo-input is ``length`` vectors in place of token embeddings;
    positions, layers and pooling are as for any text. ``components`` is K. The pseudo-posteriors are computed at every
    call, so p(z) follows each step of the encoder. The rate has no closed form.

    Reference: Tomczak & Welling 2018, "VAE with a VampPrior", arXiv:1705.07120.

    >>> from vaescope.model.build import tiny_model
    >>> model, _ = tiny_model(prior={"vamp": {"components": 3}})
    >>> model.prior.log_prob(model.prior.sample(5)).shape
    torch.Size([5])
    """

    pseudo_inputs: nn.Parameter

    def __init__(self, latent_size: int, *, components: int = 32, length: int = 8) -> None:
        super().__init__(latent_size)
        for name, value in (("components", components), ("length", length)):
            if value < 1:
                raise UserError(f"prior 'vamp': {name} must be at least 1, not {value}")
        self.components = components
        self.length = length
        self._encode: Encode | None = None

    @override
    def bind(self, model: TransformerVAE) -> None:
        if self.length > model.config.text_length:
            raise UserError(
                f"prior 'vamp': pseudo-inputs of length {self.length} are longer than any text "
                f"({model.config.text_length} tokens); lower length"
            )
        if model.posterior_head.family.of_batch:
            name, _ = model.config.posterior_options
            raise UserError(
                f"prior 'vamp' needs posteriors of single inputs, and posterior '{name}' reads the whole batch; "
                "set model.posterior=gaussian or model.prior=mixture"
            )
        self._encode = model.encode_embeddings
        size = cast(Tensor, model.encoder.get_input_embeddings().weight).shape[1]
        self.scale = getattr(model.encoder.config, "initializer_range", 0.02)
        self.pseudo_inputs = nn.Parameter(torch.zeros(self.components, self.length, size))

    @override
    def forward(self) -> GaussianMixture:
        if self._encode is None:
            raise ValueError("prior 'vamp' reads its pseudo-inputs with the encoder of a model: bind it to one first")
        log_weight_K = torch.full((self.components,), -math.log(self.components), device=self.pseudo_inputs.device)
        return GaussianMixture(log_weight_K, self._encode(self.pseudo_inputs))

    @override
    def reset_parameters(self) -> None:
        init.normal_(self.pseudo_inputs, std=self.scale)
