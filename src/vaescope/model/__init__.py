"""The latent variable model: q(z|x), p(x|z) and p(z).

    Batch -> encoder -> q(z|x) -> z -> injection -> decoder -> log p(x|z)

``backbone`` is the one door to transformers; ``encoder`` and ``decoder`` read and condition its networks; ``vae`` joins
them with the prior into one ``PreTrainedModel``; ``build`` makes it from a configuration. How z reaches the decoder is
a file in ``injections``, p(z) is a file in ``priors``. ``evidence.linear_gaussian`` is a model with a closed form for
every quantity.
"""

from __future__ import annotations

from vaescope.model.build import build_model
from vaescope.model.passes import Pass
from vaescope.model.sampling import Generated
from vaescope.model.vae import TransformerVAE
from vaescope.model.vae_config import TransformerVAEConfig

__all__ = ["Generated", "Pass", "TransformerVAE", "TransformerVAEConfig", "build_model"]
