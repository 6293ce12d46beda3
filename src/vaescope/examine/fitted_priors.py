"""Priors fitted to encodings: mixtures of Gaussians, the aggregate posterior of training texts, a flow."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from vaescope.evidence.encodings import Encodings
from vaescope.model.prior import Prior
from vaescope.model.priors.aggregate import AggregatePrior
from vaescope.model.priors.flow import Flow
from vaescope.model.priors.mixture import Mixture
from vaescope.randomness import seed_of, seeded, stream

SIZES = (1, 5, 10, 20, 50)
"""Numbers of Gaussians of the mixtures that are tried."""
WIDTHS = (1.0, 1.25, 1.5)
"""Factors of the standard deviations of the training posteriors that are tried."""
MOST_FITTED = 20_000
"""Largest number of encodings that a mixture is fitted to."""
FLOW_STEPS, FLOW_TEXTS = 3000, 512
"""Optimiser steps of a flow, and encodings in each."""
FLOW_CHOICES = 12
"""How often in its training a flow is judged on held-out encodings; the best is kept."""


@dataclass(frozen=True)
class Candidate:
    """A density that may become the prior.

    Attributes:
        name: in words, for a table.
        spec: its value of ``model.prior`` in a configuration.
        prior: the density itself.
    """

    name: str
    spec: str | dict[str, Any]
    prior: Prior


def mixtures(encodings: Encodings, *, seed: int) -> Iterator[Candidate]:
    """Yield mixtures of increasing numbers of diagonal Gaussians, fitted by EM to one sample of each posterior."""
    order_T = torch.randperm(len(encodings), generator=stream(seed, "refit", "mixture"))[:MOST_FITTED]
    z_TD = sampled(encodings, seed=seed, purpose="mixture")[order_T].double().numpy()
    floor = 1e-4 * z_TD.var(0).mean()
    for size in (size for size in SIZES if 10 * size <= len(z_TD)):
        state = seed_of(seed, "refit", "mixture", size) % 2**32
        fit = GaussianMixture(size, covariance_type="diag", reg_covar=floor, tol=1e-2, random_state=state)
        with warnings.catch_warnings():
            # a fit that has not converged is still a density, and is judged on held-out texts
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit.fit(z_TD)
        prior = Mixture(z_TD.shape[1], components=size)
        with torch.no_grad():
            prior.logit.copy_(torch.from_numpy(fit.weights_).clamp_min(1e-12).log())
            prior.mean.copy_(torch.from_numpy(fit.means_))
            prior.log_std.copy_(0.5 * torch.from_numpy(fit.covariances_).log())
        name = "1 Gaussian" if size == 1 else f"mixture of {size} Gaussians"
        yield Candidate(name, {"mixture": {"components": size}}, prior)


def aggregates(
    encodings: Encodings, base: Prior, base_spec: str | dict[str, Any], *, components: int, seed: int
) -> Iterator[Candidate]:
    """Yield the posteriors of at most ``components`` texts as a mixture of several widths, with a share of ``base``."""
    order_T = torch.randperm(len(encodings), generator=stream(seed, "refit", "aggregate"))[:components]
    mean_KD, std_KD = encodings.mean[order_T], encodings.std[order_T]
    for width in WIDTHS:
        prior = AggregatePrior(mean_KD.shape[1], components=len(mean_KD))
        prior.base = base
        prior.set_components(mean_KD, width * std_KD)
        name = f"{len(mean_KD):,} training posteriors, std x {width:g}"
        yield Candidate(name, {"aggregate": {"components": len(mean_KD), "base": base_spec}}, prior)


def flow(encodings: Encodings, score: Callable[[Prior], float], *, seed: int) -> Iterator[Candidate]:
    """Yield a spline flow trained on samples of the posteriors, from the step with the lowest validation ``score``.

    Raises:
        UserError: zuko is not installed.
    """
    with seeded(seed, "refit", "flow start"):
        prior = Flow(encodings.mean.shape[1])
    noise = stream(seed, "refit", "flow")
    optimiser = torch.optim.Adam(prior.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, FLOW_STEPS)
    best, kept = float("inf"), copy.deepcopy(prior.state_dict())
    for step in range(1, FLOW_STEPS + 1):
        chosen = torch.randint(len(encodings), (FLOW_TEXTS,), generator=noise)
        mean_ND, std_ND = encodings.mean[chosen], encodings.std[chosen]
        loss = -prior.log_prob(mean_ND + std_ND * torch.randn(mean_ND.shape, generator=noise)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % (FLOW_STEPS // FLOW_CHOICES) == 0 and (now := score(prior)) < best:
            best, kept = now, copy.deepcopy(prior.state_dict())
    prior.load_state_dict(kept)
    yield Candidate("flow", "flow", prior)


def sampled(encodings: Encodings, *, seed: int, purpose: str, samples: int | None = None) -> Tensor:
    """Return z ~ q(z|x) of each text, ``[T, D]``, or S samples, ``[S, T, D]``; a function of seed and purpose."""
    shape = encodings.mean.shape if samples is None else (samples, *encodings.mean.shape)
    noise = torch.randn(shape, generator=stream(seed, "refit", "z", purpose))
    return encodings.mean + encodings.std * noise
