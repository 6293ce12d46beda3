"""InfoVAE: minimise D + (1 - alpha) R + (alpha + lambda - 1) MMD(q(z), p(z)) (Zhao, Song and Ermon 2019)."""

from __future__ import annotations

from vaescope.errors import UserError
from vaescope.objectives.specification import Spec


def infovae(*, alpha: float = 1.0, lambda_: float = 1000.0) -> Spec:
    """Minimise D + (1 - alpha) R + (alpha + lambda - 1) MMD^2(q(z), p(z)).

    Zhao, Song and Ermon, InfoVAE, AAAI 2019. ``alpha`` = 1 leaves the information free (their MMD-VAE), 0 makes it the
    VAE with a penalty; ``lambda_`` scales the divergence, 1000 as in their experiments, since an MMD^2 of 0.01 is
    already large.

    Raises:
        UserError: weights that would be negative.
    """
    if not alpha <= 1 or not alpha + lambda_ >= 1:
        raise UserError(f"infovae: alpha {alpha} and lambda_ {lambda_}; give alpha <= 1 and alpha + lambda_ >= 1")
    return {"terms": {"distortion": 1.0, "rate": 1.0 - alpha, "mmd": alpha + lambda_ - 1.0}}
