"""What the comparisons of q(z) with p(z) share: one z per text, samples of the prior, and verdicts by effect size."""

from __future__ import annotations

import torch
from torch import Tensor

from vaescope.assessment.findings import Finding
from vaescope.errors import Missing
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.draws import Draws


def encodings(draws: Draws, *, most: int | None = None, seed: int = 0) -> Tensor:
    """One z of each text, ``[N, D]``, float64; of at most so many texts, chosen by the seed.

    One z per text, since several of the same text are not independent draws of q(z).
    """
    z_ND = draws.z[0].double()
    if most is None or len(z_ND) <= most:
        return z_ND
    return z_ND[torch.randperm(len(z_ND), generator=torch.Generator().manual_seed(seed))[:most]]


def prior_samples(draws: Draws, count: int, *, seed: int = 0) -> Tensor:
    """Samples of p(z), ``[count, D]``, float64; fewer where the draws have fewer."""
    generator = torch.Generator().manual_seed(seed + 2**20)
    if draws.prior_z is None:
        return torch.randn(count, draws.latent_size, generator=generator, dtype=torch.float64)
    return draws.prior_z.double()[torch.randperm(len(draws.prior_z), generator=generator)[:count]]


def standard_prior(draws: Draws) -> None:
    """Require the prior N(0, I).

    Raises:
        Missing: the prior is another one, known by its samples alone.
    """
    if draws.prior_z is not None:
        raise Missing("closed form of the prior: this number is only known for N(0, I)")


def judged(name: str, estimate: Estimate, message: str, *, passes: float, fails: float, next_step: str) -> Finding:
    """PASS where the effect is surely at most ``passes``, FAIL where surely at least ``fails``, by its interval.

    Between them it is a WARN where an effect was seen (the lower end is above zero), else UNRESOLVED.
    """
    rule = f"PASS if surely at most {passes:g} {estimate.unit}, FAIL if surely at least {fails:g}"
    if estimate.high <= passes:
        return Finding(name, "PASS", message, rule)
    if estimate.low >= fails:
        return Finding(name, "FAIL", message, rule, next_step)
    if estimate.low > 0:
        return Finding(name, "WARN", message, rule, next_step)
    return Finding(name, "UNRESOLVED", message, rule, f"more texts than {estimate.n} would narrow the interval")
