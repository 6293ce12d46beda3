"""Draws: one sweep of a model over a split, the whole interface of the assessment."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """What a latent variable model says about N texts by S samples of q(z|x) each.

    Diagnostics are pure functions of this, so whatever fills it (a vaescope run, another framework's VAE, a file)
    can be assessed. All densities are in nats per text.

    Attributes:
        posterior_mean: mean of the diagonal Gaussian q(z|x), ``[N, D]``.
        posterior_std: its standard deviation, positive, ``[N, D]``.
        z: samples of q(z|x), ``[Z, N, D]`` with 1 <= Z <= S: the first Z of the S samples (a sweep of many texts
            keeps few of them, since only the densities need all).
        log_p_x_z: log p(x|z) summed over predicted tokens, ``[S, N]``.
        log_p_z: log p(z), ``[S, N]``.
        log_q_z_x: log q(z|x), ``[S, N]``.
        tokens: predicted tokens of each text (EOS counts, BOS and padding do not), ``[N]``, int64.
        words: words of each text, ``[N]``, or None.
        bytes: UTF-8 bytes of each text, ``[N]``, or None.
        prior_z: samples of p(z), ``[M, D]``, or None for the standard Gaussian N(0, I).
        metadata: where it comes from (split, run, seed, versions) and, for a corpus of known truth, ``entropy``,
            the exact H(X) in nats per text.
    """

    posterior_mean: Tensor
    posterior_std: Tensor
    z: Tensor
    log_p_x_z: Tensor
    log_p_z: Tensor
    log_q_z_x: Tensor
    tokens: Tensor
    words: Tensor | None = None
    bytes: Tensor | None = None
    prior_z: Tensor | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def texts(self) -> int:
        """Number of texts N."""
        return self.posterior_mean.shape[0]

    @property
    def samples(self) -> int:
        """Number of posterior samples S of each text behind the densities."""
        return self.log_p_x_z.shape[0]

    @property
    def latent_size(self) -> int:
        """Number of latent units D."""
        return self.posterior_mean.shape[1]

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that are present, by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
