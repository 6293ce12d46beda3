"""The rate against densities of training encodings: an upper bound of the information."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from vaescope.estimators import aggregate_density
from vaescope.estimators.copies import Copies
from vaescope.evidence.draws import Draws
from vaescope.evidence.encodings import Encodings

WIDTHS = (1.0, 1.25, 1.5)
"""Factors tau of the posteriors' standard deviations that are tried."""
DEFENSIVE = 0.05
"""Weight of the prior in every density; it costs at most -log 0.95 = 0.051 nats and bounds the rate of every text."""


class TrainingMarginal:
    r"""R_g = E KL(q(z|x) || g) >= I for g made of the encodings of T training texts (Barber and Agakov 2003).

    .. math:: g(z) = 0.95 \, \frac1T \sum_t N(z; \mu_t, (\tau \sigma_t)^2) + 0.05 \, p(z)

    or another density h(z) fitted to training encodings in place of the mixture. A text that is also a training text is
    left out of the mixture that scores it, so a split that repeats training texts does not lower R_g. The g that scores
    a text is the best one on the *other* half of the distinct texts, so the choice does not depend on the text either.

    The cost is T N densities for each tau, in tiles: no [T, N] array is created.

    Attributes:
        rates: log q(z_i|x_i) - log g(z_i), with the closed form KL(q(z|x_i) || p) in place of its sample if it is
            known, ``[N]``.
        log_density: log g(z_i), ``[N]``.
        chosen: the density that scores each half of the texts.
    """

    def __init__(self, draws: Draws, training: Encodings, fitted: Mapping[str, Tensor] | None = None) -> None:
        log_p_N = draws.log_p_z[0].double()
        mixture = _Mixture(draws, training)
        candidates = {f"training encodings, std x {tau:g}": mixture.log_density(tau) for tau in WIDTHS}
        gains = {
            name: torch.logaddexp(math.log1p(-DEFENSIVE) + log_h_N.double(), math.log(DEFENSIVE) + log_p_N) - log_p_N
            for name, log_h_N in (candidates | dict(fitted or {})).items()
        }
        gain_N = torch.zeros_like(log_p_N)
        self.chosen: list[str] = []
        side_N = draws.copies.text % 2
        for half in (0, 1):
            best = max(gains, key=lambda name: gains[name][side_N != half].mean().item())
            gain_N[side_N == half] = gains[best][side_N == half]
            self.chosen.append(best)
        self.rates, self.log_density = draws.rates - gain_N, log_p_N + gain_N


class _Mixture:
    """The aggregate posterior of the training texts at the first z of each assessed text, leaving that text out."""

    def __init__(self, draws: Draws, training: Encodings) -> None:
        self._z, self._training = draws.z[0], training
        texts, joint = draws.texts, draws.copies_with(training).text
        self._copies = Copies.of(joint[texts:])
        place = torch.full((int(joint.max()) + 1,), -1, dtype=torch.int64)
        place[joint[texts:]] = self._copies.text
        self._own = place[joint[:texts]]
        left_out_N = torch.where(self._own >= 0, self._copies.counts[self._own], 0)
        self._log_count = (len(training) - left_out_N).clamp_min(1).double().log()

    def log_density(self, tau: float) -> Tensor:
        first_U, training = self._copies.first, self._training
        sums_N1 = aggregate_density.log_block_sums(
            self._z,
            training.mean[first_U],
            tau * training.std[first_U],
            own_M=self._own,
            weight_N=self._copies.counts,
        )
        return sums_N1.squeeze(1) - self._log_count
