"""ELBO surgery: minimise D + alpha I + beta KL(q(z)||p(z)), the rate in two parts (Hoffman and Johnson 2016)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec, Weight


def hoffman(*, alpha: Weight = 0.0, beta: Weight = 1.0, estimator: str = "stratified") -> Spec:
    """Minimise D + alpha I(X;Z) + beta KL(q(z) || p(z)); with 1, 1 it is the VAE.

    Hoffman and Johnson, ELBO Surgery, NIPS workshop 2016, who give the parts and no weights. By default ``alpha`` = 0:
    information is free, and only the mismatch between q(z) and the prior has a cost. ``estimator`` is that of q(z).
    """
    weights = {"mutual_information": alpha, "marginal_kl": beta}
    parts = {name: {"weight": weight, "estimator": estimator} for name, weight in weights.items()}
    return {"terms": {"distortion": 1.0, **parts, "rate": 0.0}}
