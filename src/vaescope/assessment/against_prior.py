"""Shared by comparisons of q(z) with p(z): one z per text, and samples of the prior."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from vaescope.errors import Missing
from vaescope.evidence.draws import Draws
from vaescope.randomness import stream

RICHER_PRIOR = "train with a prior that can take the form of q(z) (model.prior: mixture, vamp, flow)"
"""The next step after a mismatch of the shape of q(z)."""


def encodings(draws: Draws, *, most: int | None = None) -> Tensor:
    """One z of each distinct text, ``[N, D]``, float64; of at most ``most`` texts, chosen at random.

    Several z of the same text are not independent draws of q(z), so each distinct text counts once. If the texts are
    drawn from a known distribution, all of them count.
    """
    z_ND = draws.z[0].double()
    if (copies := draws.clusters()) is not None:
        z_ND = z_ND[copies.first]
    if most is None or len(z_ND) <= most:
        return z_ND
    return z_ND[torch.randperm(len(z_ND), generator=stream(0, "encodings"))[:most]]


def prior_samples(draws: Draws, count: int, purpose: str) -> Tensor:
    """Independent samples of p(z) for one purpose, ``[count, D]``, float64; fewer where the draws have fewer."""
    generator = stream(0, "prior", purpose)
    if draws.prior_z is None:
        return torch.randn(count, draws.latent_size, generator=generator, dtype=torch.float64)
    return draws.prior_z.double()[torch.randperm(len(draws.prior_z), generator=generator)[:count]]


def prior_points(draws: Draws, count: int) -> Tensor:
    """Points over which means are close to means under p(z), ``[count, D]``, float64.

    For N(0, I) a scrambled Sobol sequence, which is more even than independent samples; for another prior its samples,
    of which there may be fewer.
    """
    if draws.prior_z is not None:
        return prior_samples(draws, count, "points")
    points_MD = SobolEngine(draws.latent_size, scramble=True, seed=0).draw(count, dtype=torch.float64)
    return torch.special.ndtri(points_MD.clamp(1e-9, 1 - 1e-9))


def standard_prior(draws: Draws) -> None:
    """Require the prior N(0, I).

    Raises:
        Missing: the prior is another one, known only by samples.
    """
    if draws.prior_z is not None:
        raise Missing("closed form of the prior: this number is only known for N(0, I)")


def refit_prior(draws: Draws) -> str:
    """Return the next step that repairs a mismatch of q(z) and p(z) after training, with the command if the run is
    known."""
    run = draws.metadata.get("run")
    return "refit the prior" if run is None else f"refit the prior: vaescope refit {run}"
