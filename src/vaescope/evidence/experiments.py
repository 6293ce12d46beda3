"""Experiments: measurements on a few texts that need the model itself, not only its densities."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """Predictions of the decoder at the T tokens of the texts, concatenated over texts.

    Attributes:
        position: place of the token in its text, from just above 0 to 1 (EOS), ``[T]``.
        text: which text it is in, ``[T]``, int64.
        correct_posterior: whether the most probable token is correct with z ~ q(z|x), ``[T]``, 0 or 1.
        correct_prior: the same with z ~ p(z).
        divergence: Jensen-Shannon divergence of p(x_t|x_<t, z) between z ~ q(z|x) and z ~ p(z), nats, ``[T]``.
        divergence_null: the same between two samples of q(z|x).
    """

    position: Tensor
    text: Tensor
    correct_posterior: Tensor
    correct_prior: Tensor
    divergence: Tensor
    divergence_null: Tensor


@dataclass(frozen=True)
class Inference:
    """How good q(z|x) could be on P texts, nats per text.

    Attributes:
        amortised: ELBO of the encoder's q(z|x), ``[P]``.
        optimised: ELBO of the best diagonal Gaussian found for each text, ``[P]``.
        log_p: importance-weighted log p(x) with the best proposal, ``[P]``.
    """

    amortised: Tensor
    optimised: Tensor
    log_p: Tensor


@dataclass(frozen=True)
class Annealed:
    """Stochastic bounds on log p(x) of texts drawn from the model, by annealed importance sampling, ``[P]``.

    Attributes:
        lower: forward, from the prior to the posterior; E exp lower = p(x), so E lower <= log p(x).
        upper: reverse, from the z that made the text; E upper >= log p(x).
        importance: the importance-weighted bound on the same texts.
        accepted: share of accepted proposals.
    """

    lower: Tensor
    upper: Tensor
    importance: Tensor
    accepted: float


@dataclass(frozen=True)
class Interpolation:
    """Paths z_t = (1 - t) z_a + t z_b between posterior means of pairs of texts.

    Attributes:
        steps: t of each step, ``[K]``.
        start: -log p(x_a|z_t), nats per token, ``[P, K]``.
        decoded: -log p(x_t) of the greedy text x_t at z_t by the importance-weighted bound, nats per token, ``[P, K]``.
    """

    steps: Tensor
    start: Tensor
    decoded: Tensor


@dataclass(frozen=True)
class Experiments:
    """Experiments with the model; those that were not run are None.

    Attributes:
        tokens: predictions token by token.
        attention: share of the attention that falls on the latent slots in each layer, mean over heads, at the inputs
            that predict the T tokens of ``tokens``, ``[L, T]``.
        inference: the gain from optimising q(z|x) for each text.
        annealed: bounds on log p(x) from both sides.
        interpolation: paths between texts.
        repeated: |difference| of log p(x|z) per token when the same texts and z are scored again one by one, ``[P]``.
    """

    tokens: Tokens | None = None
    attention: Tensor | None = None
    inference: Inference | None = None
    annealed: Annealed | None = None
    interpolation: Interpolation | None = None
    repeated: Tensor | None = None
