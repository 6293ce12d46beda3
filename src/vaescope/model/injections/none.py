"""None: no latent; the decoder is a language model, the baseline that shows what z is worth."""

from __future__ import annotations

from torch import Tensor
from transformers import PreTrainedConfig
from typing_extensions import override

from vaescope.model.injection import Conditioning, Injection


class NoLatent(Injection):
    r"""Language model: :math:`p(x|z) = p(x)`, so that q(z|x) = p(z), the rate is 0 and the ELBO is exact.

    The model has no encoder, its posterior is the prior itself, and z is ignored wherever it is given. It cannot be
    combined with other injections, and its prior is the standard one.
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig) -> None:
        super().__init__(latent_size, decoder, width=0, scale=0.0)

    @override
    def forward(self, z_ND: Tensor) -> Conditioning:
        return {}
