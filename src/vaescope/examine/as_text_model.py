"""A loaded model of vaescope as functions of strings."""

from __future__ import annotations

from torch import Tensor

from vaescope.model.latent_space import LatentSpace
from vaescope.sweep.text_model import TextModel


def as_text_model(vae: LatentSpace) -> TextModel:
    """Return the encoder, the decoder and the prior of a loaded model by functions of strings; greedy texts only.

    >>> from vaescope.config import ModelConfig
    >>> from vaescope.corpora.tokenizer import train_bpe
    >>> from vaescope.model.build import build_model
    >>> tokenizer = train_bpe(["a text", "another text"], 300)
    >>> vae = LatentSpace(build_model(ModelConfig(latent_size=4), tokenizer, max_length=16).eval(), tokenizer)
    >>> functions = as_text_model(vae)
    >>> mean, std = functions.encode(["a text"])
    >>> functions.log_likelihood(["a text"], mean[None]).shape
    torch.Size([1, 1])
    """

    def encode(texts: list[str]) -> tuple[Tensor, Tensor]:
        posterior = vae.encode(texts)
        return posterior.mean, posterior.stddev

    def log_likelihood(texts: list[str], z_SBD: Tensor) -> Tensor:
        batch = vae.tokenize(texts).batch(list(range(len(texts)))).to(vae.model.device)
        return vae.model.log_likelihood(batch, z_SBD.to(vae.model.device, vae.model.dtype)).cpu()

    return TextModel(
        encode=encode,
        log_likelihood=log_likelihood,
        decode=vae.decode,
        prior=vae.model.prior,
        count_tokens=lambda texts: (vae.tokenize(texts).lengths - 1).tolist(),
    )
