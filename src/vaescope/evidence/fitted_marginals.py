"""Rates against densities fitted to the encodings of other texts: upper bounds of the information without a ceiling."""

from __future__ import annotations

import torch
from torch import Tensor

from vaescope.estimators import gaussian, mixture
from vaescope.evidence.draws import Draws


class FittedMarginals:
    """R_g = E KL(q(z|x) || g) >= I for any density g that was fitted without x (Barber and Agakov 2003).

    Each half of the distinct texts is scored by densities fitted to the other half, so no density was fitted to a copy
    of the text that it scores.

    Attributes:
        gaussian: KL of each posterior to the Gaussian with the moments of the other half, closed form, ``[N]``.
        mixture: the same to a Gaussian mixture, by the sampled difference of the two log densities (whose noise
            vanishes where they agree), ``[N]``; infinite where there are too few texts to fit one.
        log_density: log density of the first z of each text under the mixture, or the Gaussian where there is none,
            ``[N]``.
        chosen: the number and form of the components for each half.
    """

    def __init__(self, draws: Draws) -> None:
        mean_ND, std_ND, z_ND = (t.double() for t in (draws.posterior_mean, draws.posterior_std, draws.z[0]))
        self.gaussian = torch.empty(draws.texts, dtype=torch.float64)
        self.mixture = torch.full_like(self.gaussian, torch.inf)
        self.log_density = torch.empty_like(self.gaussian)
        self.chosen: list[str] = []
        for half in (0, 1):
            scored, fitted = (draws.copies.text % 2 == side for side in (half, 1 - half))
            mean_D = mean_ND[fitted].mean(0)
            covariance_DD = _covariance(mean_ND[fitted]) + std_ND[fitted].square().mean(0).diag()
            self.gaussian[scored] = gaussian.kl_to_gaussian(mean_ND[scored], std_ND[scored], mean_D, covariance_DD)
            normal = torch.distributions.MultivariateNormal(mean_D, covariance_DD)
            self.log_density[scored] = normal.log_prob(z_ND[scored])
            found = mixture.fit(z_ND[fitted], draws.copies.text[fitted])
            if found is not None:
                log_mixture_H = mixture.log_density(found, z_ND[scored])
                self.mixture[scored] = self.gaussian[scored] - (log_mixture_H - self.log_density[scored])
                self.log_density[scored] = log_mixture_H
                self.chosen.append(mixture.name(found))


def _covariance(mean_ND: Tensor) -> Tensor:
    return torch.cov(mean_ND.mT, correction=0).reshape(mean_ND.shape[1], -1)
