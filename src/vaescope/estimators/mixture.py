"""Gaussian mixtures fitted to samples; form and size are chosen on held-out samples."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from vaescope.randomness import numpy_stream

SIZES = (1, 5, 10, 20)
FORMS = ("full", "diag")
FITTED, SELECTED = 2000, 1000
PER_COMPONENT = 10
TOLERANCE = 1e-2


def fit(z_ND: Tensor, text_N: Tensor | None = None, *, seed: int = 0) -> GaussianMixture | None:
    """Return the mixture of the highest held-out density: fitted to two thirds of the samples, chosen on one third.

    At most 2,000 samples are fitted and 1,000 are held out, so the cost does not grow with N. For each form of the
    covariances the size grows (1, 5, 10, 20) while the held-out density increases. None for fewer than 30 samples.
    Samples of one text, by the numbers ``text_N``, are either fitted or held out.

    >>> z = torch.cat([torch.randn(400, 1) - 5, torch.randn(400, 1) + 5])
    >>> fit(z).n_components > 1
    True
    """
    z_NF = z_ND.double().numpy()
    numbers_N = np.arange(len(z_NF)) if text_N is None else text_N.numpy()
    names, index_N = np.unique(numbers_N, return_inverse=True)
    place_N = numpy_stream(seed, "held-out samples").permutation(len(names))[index_N]
    order_N = np.argsort(place_N, kind="stable")
    held_out = int((place_N < len(names) // 3).sum())
    held_out_NF, fitted_NF = z_NF[order_N[:held_out][:SELECTED]], z_NF[order_N[held_out:][:FITTED]]
    if len(held_out_NF) < PER_COMPONENT:
        return None
    found = [best for form in FORMS if (best := _grown(fitted_NF, held_out_NF, form, seed)) is not None]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def log_density(mixture: GaussianMixture, z_ND: Tensor) -> Tensor:
    """Log density of each sample, ``[N]``, float64."""
    return torch.from_numpy(mixture.score_samples(z_ND.double().numpy()))


def name(mixture: GaussianMixture) -> str:
    """Return for instance ``10 full``: the number and form of the components."""
    return f"{mixture.n_components} {mixture.covariance_type}"


def _grown(
    fitted_NF: np.ndarray, held_out_NF: np.ndarray, form: str, seed: int
) -> tuple[float, GaussianMixture] | None:
    """The held-out density and the mixture of the largest size that still increased it."""
    best: tuple[float, GaussianMixture] | None = None
    floor = 1e-4 * fitted_NF.var(0).mean()
    for size in SIZES:
        if size * PER_COMPONENT > len(fitted_NF):
            break
        mixture = GaussianMixture(size, covariance_type=form, reg_covar=floor, tol=TOLERANCE, random_state=seed)
        with warnings.catch_warnings():
            # a fit that has not converged is still a density, and is judged on held-out samples
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(fitted_NF)
        score = mixture.score(held_out_NF)
        if best is not None and score <= best[0]:
            break
        best = (score, mixture)
    return best
