"""LatentMap: the posterior means of many texts, projected onto two directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from vaescope.corpora.tokenized import tokenize
from vaescope.errors import unknown
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.latent_space import LatentSpace
from vaescope.randomness import seed_of
from vaescope.sweep.scoring import noise
from vaescope.sweep.sweep import sample_prior

VIEWS = ("units", "components")
"""The two most active units, or the first two principal components of the posterior means."""

PRIOR_POINTS = 500
"""Samples that show a prior other than N(0, I)."""

RATE_SAMPLES = 16
"""Posterior samples behind the rate of a text on the map under a prior without a closed form."""


@dataclass(frozen=True)
class LatentMap:
    """N texts and their posteriors.

    Attributes:
        texts: the texts as the model reads them.
        posterior: q(z|x), batch shape ``[N]``, event shape ``[D]``.
        length: predicted tokens of each text.
        rate: KL(q(z|x) || p(z)) of each text in nats.
        activity: how much each of the D units carries: its mean rate in nats, or the variance of its posterior means
            under a prior without a closed form.
        prior_points: samples of p(z), ``[M, D]``, or None for N(0, I), whose contours are circles.
        labels: one per text, or None.
    """

    texts: list[str]
    posterior: DiagonalGaussian
    length: list[int]
    rate: list[float]
    activity: list[float]
    prior_points: Tensor | None = None
    labels: list[str] | None = None

    @classmethod
    def of(cls, vae: LatentSpace, texts: Sequence[str], labels: Sequence[str] | None = None) -> LatentMap:
        """Encode texts.

        Raises:
            UserError: no text, or an empty one.
        """
        posterior = vae.encode(texts)
        rate_N, units_ND = rates(vae, posterior, RATE_SAMPLES)
        tokenized = tokenize(list(texts), vae.tokenizer, max_length=vae.model.config.text_length)
        return cls(
            texts=tokenized.texts,
            posterior=posterior,
            length=(tokenized.lengths - 1).tolist(),
            rate=rate_N.tolist(),
            activity=(posterior.mean.var(0) if units_ND is None else units_ND.mean(0)).tolist(),
            prior_points=None
            if vae.model.prior.is_standard
            else sample_prior(vae.model.prior, PRIOR_POINTS, 0, "latent map"),
            labels=None if labels is None else list(labels),
        )

    @property
    def order(self) -> list[int]:
        """The units, the most active first."""
        return torch.tensor(self.activity).argsort(descending=True, stable=True).tolist()

    @property
    def colours(self) -> list[str]:
        """What the texts can be coloured by."""
        return ["rate", "length"] if self.labels is None else ["label", "rate", "length"]

    def seen(self, view: str) -> dict[str, Any]:
        """Return the texts in two coordinates.

        The coordinates of z are its products with two orthonormal ``directions``, so N(0, I) is seen as N(0, I) about
        the origin whichever they are. ``names`` says what they are, ``points`` is where the texts are, and
        ``prior`` is None for circles about the origin, or samples of another prior.

        Raises:
            UserError: an unknown view.
        """
        if view not in VIEWS:
            raise unknown("view", view, VIEWS)
        names, directions_2D = self._units() if view == "units" else self._components
        if len(names) == 1:  # a model with one unit is shown as a line
            names, directions_2D = [*names, ""], torch.cat([directions_2D, torch.zeros_like(directions_2D)])
        return {
            "names": names,
            "directions": directions_2D.tolist(),
            "points": (self.posterior.mean @ directions_2D.T).tolist(),
            "prior": None if self.prior_points is None else (self.prior_points @ directions_2D.T).tolist(),
            "texts": self.texts,
            "label": self.labels,
            "length": self.length,
            "rate": self.rate,
        }

    def _units(self) -> tuple[list[str], Tensor]:
        units = self.order[:2]
        return [f"z[{unit}]" for unit in units], torch.eye(len(self.activity))[units]

    @cached_property
    def _components(self) -> tuple[list[str], Tensor]:
        mean_ND = self.posterior.mean
        _, scales, directions_RD = torch.linalg.svd(mean_ND - mean_ND.mean(0), full_matrices=False)
        shares = scales.square() / scales.square().sum().clamp_min(1e-30)
        names = [f"component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(shares[:2])]
        return names, directions_RD[:2]


def samples_of(posterior: DiagonalGaussian, samples: int) -> Tensor:
    """Return the same samples of q(z|x) each time, ``[S, N, D]``."""
    mean_ND, std_ND = posterior.mean, posterior.stddev
    return mean_ND + std_ND * noise(seed_of(0, "latent map"), torch.arange(len(mean_ND)), samples, mean_ND.shape[1])


def rates(vae: LatentSpace, posterior: DiagonalGaussian, samples: int) -> tuple[Tensor, Tensor | None]:
    r"""Return KL(q(z|x) || p(z)) of each text, ``[N]``, and by unit, ``[N, D]``, where there is a closed form.

    Elsewhere it is the mean of :math:`\log q(z|x) - \log p(z)` over samples, and the units are None.
    """
    prior = vae.model.prior
    with torch.inference_mode():
        units_ND = prior.rate(posterior)
        if units_ND is not None:
            return units_ND.sum(1), units_ND
        z_SND = samples_of(posterior, samples)
        log_p_SN = torch.stack([prior.log_prob(z_ND.to(vae.model.device)).float().cpu() for z_ND in z_SND])
        return (posterior.log_prob(z_SND) - log_p_SN).mean(0), None
