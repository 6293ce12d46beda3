"""The rate against densities of training encodings: an upper bound of the information."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from vaescope.estimators import aggregate
from vaescope.estimators.copies import Copies
from vaescope.evidence.draws import Draws
from vaescope.evidence.encodings import Encodings

WIDTHS = (1.0, 1.25, 1.5)
"""Factors tau of the posteriors' standard deviations that are tried."""
DEFENSIVE = 0.05
"""Share of the prior in every density; it costs at most -log 0.95 = 0.051 nats and bounds every text's rate."""


class TrainingMarginal:
    r"""R_g = E KL(q(z|x) || g) >= I for g made of the encodings of T training texts (Barber and Agakov 2003).

    .. math:: g(z) = 0.95 \, \frac1T \sum_t N(z; \mu_t, (\tau \sigma_t)^2) + 0.05 \, p(z)

    or another density h(z) fitted to training encodings in the place of the mixture. No g has seen an assessed text,
    so R_g is the mean of independent terms. The g that scores a text is the best one on the *other* half of the
    distinct texts: the choice has not seen the text either.

    The cost is T N densities for each tau, in tiles: no [T, N] array exists.

    Attributes:
        rates: log q(z_i|x_i) - log g(z_i), with KL(q(z|x_i) || p) in place of its sample where that is known, ``[N]``.
        chosen: the density that scores each half of the texts.
    """

    def __init__(self, draws: Draws, training: Encodings, fitted: Mapping[str, Tensor] | None = None) -> None:
        log_p_N = draws.log_p_z[0].double()
        candidates = {f"training encodings, std x {tau:g}": _log_mixture(draws.z[0], training, tau) for tau in WIDTHS}
        gains = {
            name: torch.logaddexp(math.log1p(-DEFENSIVE) + log_h_N.double(), math.log(DEFENSIVE) + log_p_N) - log_p_N
            for name, log_h_N in (candidates | dict(fitted or {})).items()
        }
        self.rates = draws.rates.clone()
        self.chosen: list[str] = []
        side_N = draws.copies.text % 2
        for half in (0, 1):
            best = max(gains, key=lambda name: gains[name][side_N != half].mean().item())
            self.rates[side_N == half] -= gains[best][side_N == half]
            self.chosen.append(best)


def _log_mixture(z_ND: Tensor, training: Encodings, tau: float) -> Tensor:
    """Log density of the mixture at each z, ``[N]``; a training text that appears several times is one component."""
    rows = Copies.of(torch.cat([training.mean, training.std], 1))
    mean_UD, std_UD = training.mean[rows.first], tau * training.std[rows.first]
    sums_N1 = aggregate.log_block_sums(z_ND, mean_UD, std_UD, weight_N=rows.counts)
    return sums_N1.squeeze(1) - math.log(len(training))
